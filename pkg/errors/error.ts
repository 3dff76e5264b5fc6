import { type ErrorCode, errorCodes } from './codes.ts';

/** What may be said beside the message. `hint` is a sentence that tells the person what to do next. */
export type ErrorDetails = { readonly hint?: string; readonly cause?: unknown };

/**
 * The one error class of mos. The message is lower case, names what could not be done, to what and why:
 * `cannot trust web: signed by an unknown CA`.
 */
export class MosError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'MosError';
    this.code = code;
    this.hint = details.hint;
  }
}

/** True where `error` is ours and, with `code`, of that kind. */
export const isMosError = (error: unknown, code?: ErrorCode): error is MosError =>
  error instanceof MosError && (code === undefined || error.code === code);

const ownMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The message and those of its causes in one line; a cause that the message already quotes is not repeated. */
export function messageOf(error: unknown): string {
  let text = ownMessage(error);
  for (
    let cause = causeOf(error), depth = 0;
    cause !== undefined && depth < 8;
    cause = causeOf(cause), depth++
  ) {
    const part = ownMessage(cause);
    if (!text.includes(part)) text += `: ${part}`;
  }
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

/** The first hint on the way from the error to its last cause. */
export function hintOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at !== undefined && depth < 8; at = causeOf(at), depth++)
    if (at instanceof MosError && at.hint !== undefined) return at.hint;
  return undefined;
}

export const codeOf = (error: unknown): ErrorCode => (error instanceof MosError ? error.code : 'internal');
export const exitCodeOf = (error: unknown): number => errorCodes[codeOf(error)].exit;
export const httpStatusOf = (error: unknown): number => errorCodes[codeOf(error)].http;
