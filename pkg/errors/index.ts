export { type ErrorCode, errorCodes } from './codes.ts';
export {
  codeOf,
  type ErrorDetails,
  exitCodeOf,
  hintOf,
  httpStatusOf,
  isMosError,
  MosError,
  messageOf,
} from './error.ts';
export { Secret } from './secret.ts';
