export { readAllocations, recordAllocations } from './allocations.ts';
export { commitGeneration, moveRoles, type NewGeneration, type RoleMove } from './commit.ts';
export { type Floor, type KnownFloor, raised, readFloor, recordFloor, requireFloor } from './floor.ts';
export {
  type Generation,
  type GenerationCommit,
  isInstalled,
  readGeneration,
  readGenerationCommit,
  readRoles,
  resolveGeneration,
  type SignedFile,
  type Which,
} from './generation.ts';
export {
  explainGenerations,
  type Happening,
  type HistoryEntry,
  keptGenerations,
  keptNewest,
  listGenerations,
} from './history.ts';
export { lockState, type StateLock, type StateLockOptions } from './lock.ts';
export { numberTrailer, type Trailers, trailer } from './message.ts';
export { addNote, type Note, type NoteKind, readNotes } from './notes.ts';
export { openState, type Role, roles, type State } from './paths.ts';
export { type MachineProduct, readProduct, recordProduct } from './product.ts';
export {
  type AcceptedRelease,
  type Candidate,
  type Known,
  manifestTrailer,
  readAcceptedRelease,
  recordRelease,
  requireRelease,
} from './release.ts';
export {
  type KeptTicket,
  parseTicketNote,
  readTickets,
  renderTicketNote,
  type TicketNote,
  writeTickets,
} from './tickets.ts';
export { type RepositoryCheck, verifyRepository } from './verify.ts';
export { refreshView } from './view.ts';
