/**
 * The tables of a fresh store file. What an older file needs to become the same stands in `sqlite-migrations.ts`, and a
 * test compares the two. A table added since schema 1 is a constant of its own, named in both places.
 */

/**
 * What claims walk along: `run_due` finds the longest due of an agent, `run_turn` the tenants of a priority one by one, so
 * that neither depends on how many runs wait. Runs that are being cancelled go to any process and are few.
 */
export const dueIndexes: string = `
create index run_due on run (needs, agent, wake)
  where owner is null and wake is not null and cancelling = 0 and paused is null;
create index run_turn on run (needs, agent, priority, tenant, wake)
  where owner is null and wake is not null and cancelling = 0 and paused is null;
create index run_cancelled on run (wake) where owner is null and wake is not null and cancelling = 1;
`;

/** Letters between runs; `run` and `waiter` are keys of runs. */
export const mailTables = `
create table mail (
  id integer primary key autoincrement,
  run integer not null,
  channel text not null,
  sender text not null,
  n integer not null,
  at integer not null,
  body any
) strict;
create index mail_channel on mail (run, channel, id);
create table mail_accepted (
  run integer not null,
  sender text not null,
  n integer not null,                  -- the highest accepted
  primary key (run, sender)
) strict, without rowid;
create table mail_asked (
  run integer not null,
  channel text not null,
  count integer not null,              -- receives that wait for a letter
  primary key (run, channel)
) strict, without rowid;
create table mail_waiter (
  id integer primary key autoincrement,
  run integer not null,
  channel text not null,
  waiter integer not null,             -- told when there is room
  unique (run, channel, waiter)
) strict;
create index mail_waiter_waiter on mail_waiter (waiter);
`;

/** Agents that are paused: `name`, or `name@version`. Since schema 2. */
export const pauseTable: string = `
create table pause (
  agent text primary key,
  paused_by text not null,
  since integer not null
) strict, without rowid;
`;

/**
 * Attempts that asked for a slot or a place in a rate, waiting or granted, and what rates remember. Who uses a slot is
 * counted from the rows, never kept as a number. Since schema 2.
 */
export const ticketTables: string = `
create table ticket (
  id integer primary key autoincrement,
  owner integer not null,
  n integer not null,
  granted integer not null,
  priority integer not null,
  slot text,
  slot_limit integer,
  rate text,
  rate_limit real,
  rate_period real,
  rate_burst real,
  run text not null,                   -- for people
  at integer not null,
  unique (owner, n)
) strict;
create index ticket_slot on ticket (slot, granted, priority desc, id) where slot is not null;
create index ticket_rate on ticket (rate, granted, priority desc, id) where rate is not null and slot is null;

create table rate (
  name text primary key,
  tat real not null                    -- theoretical arrival time, ms
) strict, without rowid;
`;

/** Caps, what was spent of them by window, and what living processes hold. Amounts in billionths of a dollar. Since schema 2. */
export const capTables: string = `
create table cap (
  scope text primary key,              -- JSON: tenant, agent; null for all
  per text not null,
  most integer not null,
  on_exhausted text not null
) strict, without rowid;

create table cap_window (
  scope text not null,
  since integer not null,              -- ms
  spent integer not null,
  primary key (scope, since)
) strict, without rowid;

create table cap_lease (
  scope text not null,
  since integer not null,
  owner integer not null,
  amount integer not null,
  primary key (scope, since, owner)
) strict, without rowid;
`;

/**
 * Large payloads, once per tenant; those that no run refers to any more are deleted with the last one that did.
 * Since schema 2.
 */
export const blobTables: string = `
create table blob (
  id integer primary key,
  tenant text not null,
  hash text not null,
  body any not null,
  unique (tenant, hash)
) strict;

create table blob_ref (
  run integer not null,
  blob integer not null,
  primary key (run, blob)
) strict, without rowid;
create index blob_ref_blob on blob_ref (blob);
`;

/** What the end of a run cancels: the runs it has started. */
export const childIndex: string = `
create index run_child on run (parent) where detached = 0 and parent is not null;
`;

/** What an open fork reads is not deleted: the run it was forked from. Since schema 3. */
export const forkIndex: string = `
create index run_fork on run (fork_of) where fork_of is not null;
`;

/**
 * Runs that were deleted and whose entries still lie there: they go in slices, from the last one back. Since schema 2.
 */
export const deletedRunTable: string = `
create table deleted_run (
  run integer primary key,
  head integer not null                -- entry.ref of the last entry left, 0 when there is none
) strict;
`;

/** Named values of runs and tenants. */
export const stateTable = `
create table state (
  owner text not null,                 -- run/<id> or tenant/<name>
  name text not null,
  version integer not null,
  body any,
  primary key (owner, name)
) strict, without rowid;
`;

/** Keys that runs hold or wait for; the first of each tenant and key holds it. Its id is its token. */
export const holdTable = `
create table hold (
  id integer primary key autoincrement,
  tenant text not null,
  key text not null,
  run integer not null,
  path text not null,
  lease integer,
  granted integer not null,
  until integer,                       -- end of the lease of a holder
  unique (run, path)
) strict;
create index hold_key on hold (tenant, key, id);
create index hold_until on hold (until) where until is not null;
`;

/**
 * Columns that every append touches or that a walk reads come first, so SQLite does not parse what lies behind them.
 * `run.key`, `inbox.id` and `owner.id` are never used twice, because processes remember them.
 */
export const tables: string = `
create table agent (
  id integer primary key,
  label text not null unique,          -- name@version
  name text not null
) strict;

create table run (
  key integer primary key autoincrement,
  seq integer not null,
  head integer not null,               -- entry.ref of the last entry, 0 when there is none
  epoch integer not null,
  status integer not null,
  owner integer,
  wake integer,
  parked integer not null,
  cancelling integer not null,
  agent integer not null,
  created_at integer not null,
  updated_at integer not null,
  note text,
  id text not null unique,
  tenant text not null,
  start_key text,
  input_hash text not null,
  parent text,
  priority integer not null default 5,
  detached integer not null default 0, -- the end of its parent does not concern it
  paused text,                         -- JSON: by, since
  needs integer not null default 0,    -- agent.id that its next owner must have too, 0 for none
  linked integer not null default 0,   -- it has rows in the tables of mail, holds and state, which go when it ends
  fork_of text                         -- id of the run it was forked from
) strict;
create unique index run_start_key on run (tenant, start_key) where start_key is not null;
${dueIndexes}create index run_owned on run (owner, wake) where owner is not null;
create index run_status on run (status);
${childIndex}${forkIndex}create table entry (
  ref integer primary key,
  prev integer not null,               -- ref of the run's previous entry, 0 for the first
  jump integer,
  seq integer not null,
  run integer not null,
  kind integer not null,
  scope integer not null,
  op text not null,
  name text not null,
  at integer not null,
  meta text,
  body any
) strict;

create table mark (
  run integer not null,
  seq integer not null,
  ref integer not null,
  primary key (run, seq)
) strict, without rowid;

create table inbox (
  id integer primary key autoincrement,
  run integer not null,
  sender text not null,
  n integer not null,
  kind integer not null,
  name text not null,
  at integer not null,
  body any,
  unique (run, sender, n)
) strict;

${mailTables}${holdTable}${stateTable}
create table owner (
  id integer primary key autoincrement,
  process integer not null,            -- process id, for people
  agents text not null default '[]'    -- JSON: name@version of what it can run
) strict;

create table meta (
  name text primary key,
  value blob not null
) strict, without rowid;
${pauseTable}${ticketTables}${capTables}
${blobTables}${deletedRunTable}`;
