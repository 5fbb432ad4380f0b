/** Names of cancel messages: in good order, undoing what is registered; or at once. */
export const cancelNames = { cancel: "cancel", terminate: "terminate" } as const;
