import { codeOf, hintOf, httpStatusOf, type MosError, messageOf } from '../../errors/index.ts';
import { Refused } from './refused.ts';

/** Bytes whose number is known before the first is read. A piece of them is good until the next but one is asked for. */
export type Bytes = { readonly length: number; read(): AsyncIterable<Uint8Array> };

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text that is there, bytes, or text that comes as it happens; then the connection ends with it. */
  readonly body: string | Bytes | AsyncIterable<string>;
};

export const jsonAnswer = (
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: `${JSON.stringify(value)}\n`,
});

export const textAnswer = (body: string, type: string): Answer => ({
  status: 200,
  headers: { 'content-type': type },
  body,
});

export const emptyAnswer: Answer = { status: 204, headers: {}, body: '' };

/** RFC 9457; `code` and `hint` are ours. The value is what `--json` shows of an error, so that both sides say the same. */
export const problemOf = (status: number, error: MosError | unknown) => {
  const hint = hintOf(error);
  const code = codeOf(error);
  return {
    type: `https://mos.invalid/errors/${code}`,
    title: reasons[status] ?? 'Error',
    status,
    detail: messageOf(error),
    code,
    ...(hint === undefined ? {} : { hint }),
  };
};

/** Any error as an answer. */
export function problemAnswer(error: unknown): Answer {
  const status = error instanceof Refused ? error.status : httpStatusOf(error);
  const value = problemOf(status, error instanceof Refused ? error.error : error);
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error instanceof Refused ? error.headers : {}),
      ...(error instanceof Refused && error.ends ? { connection: 'close' } : {}),
    },
    body: `${JSON.stringify(value)}\n`,
  };
}

export const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  423: 'Locked',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
};
