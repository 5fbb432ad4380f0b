/** The public list of Concertato. Anything not named here may change without notice. */
export { App } from "./app.ts";
export type {
  Comparison,
  DrainReport,
  Job,
  LetterOptions,
  ListOptions,
  Outcome,
  PausedThing,
  ProcessSummary,
  Question,
  RunTree,
  StartOptions,
  WaitingOptions,
} from "./app.ts";
export type { AnswerReceipt, AnswerState } from "./answers.ts";
export type { ForkEffects, ForkOptions } from "./fork.ts";
export type { ExcerptLine } from "./journal/excerpt.ts";
export type { Divergence, ReplayAllOptions, ReplayOptions, ReplayReport } from "./replay.ts";
export type { ReplayWarning } from "./runtime/replay-direction.ts";
export type { CheckReport, DamagedRun } from "./check.ts";
export type { ExplainQuery } from "./explain.ts";
export type { GrantedEdge, GrantExplanation } from "./policy/explain-grant.ts";
export type { PausedSummary, RunSummary, WaitSummary } from "./run-summary.ts";
export { agent } from "./agents/agent.ts";
export type { AgentOptions, ModelSettings } from "./agents/agent.ts";
export { delegate } from "./agents/delegate.ts";
export type { DelegateOptions } from "./agents/delegate.ts";
export { handoff } from "./agents/handoff.ts";
export type { Handoff, HandoffOptions } from "./agents/handoff.ts";
export { remote } from "./agents/remote.ts";
export type { RemoteOptions } from "./agents/remote.ts";
export { filePart, isFilePart, previewOf, textOrParts, withPreviews } from "./agents/file-part.ts";
export type { FilePart, FilePartOptions } from "./agents/file-part.ts";
export { healed } from "./agents/messages.ts";
export type { Message, MessagePart } from "./agents/messages.ts";
export type { ModelChoice } from "./agents/models.ts";
export type { PriceBook, TokenPrice } from "./agents/price-book.ts";
export { human } from "./agents/human.ts";
export type { HumanOptions } from "./agents/human.ts";
export { consensus } from "./patterns/consensus.ts";
export type { Ballot, ConsensusOptions, Consensus, DecisionRule, Undecided, Verdict } from "./patterns/consensus.ts";
export { escalation } from "./patterns/escalation.ts";
export type { EscalationOptions } from "./patterns/escalation.ts";
export type { EscalationReport, FailedAgent, TakeOver } from "./agents/take-over.ts";
export { vote } from "./patterns/vote.ts";
export type { VoteOptions } from "./patterns/vote.ts";
export { tool } from "./agents/tool.ts";
export type { ApprovalRequest, Approver, Decision, ToolOptions } from "./agents/tool.ts";
export { workflow } from "./agents/workflow.ts";
export type { WorkflowBody, WorkflowOptions } from "./agents/workflow.ts";
export type {
  Effect,
  Entry,
  EntryKind,
  EntryMeta,
  FinalStatus,
  Limits,
  StopReason,
  StopReport,
  StoredEntry,
  Usage,
} from "./journal/entry.ts";
export type {
  AgentPause,
  Awaitable,
  BackupDone,
  Belongings,
  Change,
  ChangeResult,
  Durability,
  HoldChange,
  InboxRow,
  InboxSend,
  Letter,
  NewBlob,
  NewRun,
  OwnerRow,
  Pause,
  PauseTarget,
  PayloadCodec,
  PokedRun,
  PrunePage,
  PruneQuery,
  ReadEntry,
  RunPatch,
  RunQuery,
  RunRow,
  RunStatus,
  StateWrite,
  Store,
  Ticket,
  TicketState,
} from "./journal/store.ts";
export type { Cap, CapAsk, CapOptions, CapPeriod, CapRow, CapSpend, CapSummary } from "./journal/cap.ts";
export { entryKindNames } from "./journal/entry.ts";
export { errorCodes } from "./kernel/error-codes.ts";
export type { ErrorCode } from "./kernel/error-codes.ts";
export { AgentFailure, ConcertatoError } from "./kernel/errors.ts";
export type { FailureRecord } from "./kernel/errors.ts";
export { durationMs } from "./kernel/duration.ts";
export { history } from "./kernel/history.ts";
export type { History } from "./kernel/history.ts";
export type { Json } from "./kernel/json.ts";
export type { Clock, World } from "./kernel/world.ts";
export type { ModelExplanation, ModelOptions } from "./app-models.ts";
export { modelReport } from "./model-report.ts";
export type { ModelReport, PricedExplanation } from "./model-report.ts";
export type { LocalServer } from "./local-models.ts";
export type { ProviderReport } from "./named-models.ts";
export { drainOnSignals } from "./drain-on-signals.ts";
export type { DrainOnSignalsOptions, StopListening } from "./drain-on-signals.ts";
export { open, run } from "./open.ts";
export type { OpenOptions } from "./open.ts";
export type { Pruned, PruneOptions, RetentionOptions } from "./retention.ts";
export { realWorld } from "./real-world.ts";
export type {
  Agent,
  AgentKind,
  Argument,
  AttemptContext,
  AttemptUsage,
  Breaker,
  Saying,
  SayingKind,
  CallArguments,
  ProbeAnswer,
  Reservation,
  ConcurrencyLimit,
  RetryPolicy,
  StartRate,
} from "./runtime/agent.ts";
export type { BreakerSummary } from "./runtime/circuit-breakers.ts";
export type { ByEffect, ForkElsewhere, ForkMode } from "./runtime/fork-description.ts";
export type { Budget, Edge } from "./runtime/edge.ts";
export { done, next } from "./runtime/context.ts";
export type {
  ChildArguments,
  ChildHandle,
  ChildOptions,
  Claim,
  ClaimOptions,
  Context,
  Duration,
  ItemWinner,
  LoopOptions,
  LoopTurn,
  MapJoin,
  MapOptions,
  ReceiveOptions,
  SendOptions,
  Settled,
  State,
  StateOptions,
  StepOptions,
  Thunk,
  WaitOptions,
  Winner,
} from "./runtime/context.ts";
export type { ComparedNode, Difference, DifferenceKind, FirstDifference } from "./telemetry/compare-trees.ts";
export { EntryPaths } from "./telemetry/entry-paths.ts";
export type { NodeBudget, NodeStatus, NodeWait, TreeNode } from "./telemetry/run-tree.ts";
