/** What one unit of work costs. */
export interface Costs {
  /** Statements that write, by verb and table. Reads are not counted: they are few, and their number hangs on timing. */
  readonly statements: Readonly<Record<string, number>>;
  /** Bytes that go into the write-ahead log. */
  readonly logBytes: number;
  /** Characters of texts and payloads that stay. */
  readonly keptBytes: number;
  /** Allocated on the heap, in unoptimised code. */
  readonly heapBytes: number;
}
