export {
  type Answer,
  type Bytes,
  emptyAnswer,
  jsonAnswer,
  problemAnswer,
  problemOf,
  textAnswer,
} from './answer.ts';
export { type Handle, type Request, serveConnection } from './connection.ts';
export { parseRequestHead, type RequestHead } from './head.ts';
export { type Limits, usualLimits } from './limits.ts';
export { Refused } from './refused.ts';
