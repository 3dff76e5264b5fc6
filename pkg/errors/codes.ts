/**
 * The kinds of failure mos knows, and what they become at its edges: the exit code of a command and the status of
 * an HTTP answer. Both are part of the interface: scripts compare them. docs/errors.md is generated from this table.
 */
export const errorCodes = {
  internal: { exit: 1, http: 500, meaning: 'a mistake in mos itself' },
  usage: { exit: 2, http: 400, meaning: 'the command line or the request is wrong' },
  invalid: { exit: 3, http: 422, meaning: 'a document or an image breaks its format' },
  untrusted: {
    exit: 4,
    http: 403,
    meaning: 'a signature, certificate, product or digest does not prove what it must',
  },
  downgrade: { exit: 5, http: 409, meaning: 'older than what this machine has accepted' },
  corrupt: { exit: 6, http: 500, meaning: 'stored bytes are not what they were when they were written' },
  'not-found': { exit: 7, http: 404, meaning: 'what was named is not there' },
  exists: { exit: 8, http: 409, meaning: 'what was to be made is there already' },
  state: { exit: 9, http: 409, meaning: 'not possible in the present state of the machine' },
  busy: { exit: 10, http: 423, meaning: 'somebody else is at work on the same thing' },
  'no-space': { exit: 11, http: 507, meaning: 'too little room on a file system' },
  'read-only': { exit: 12, http: 500, meaning: 'the file system cannot be written' },
  denied: { exit: 13, http: 403, meaning: 'no permission' },
  network: { exit: 14, http: 502, meaning: 'another computer could not be reached or answered wrongly' },
  timeout: { exit: 15, http: 504, meaning: 'something took longer than its limit' },
  unsupported: { exit: 16, http: 501, meaning: 'this machine, kernel or version cannot do that' },
  io: { exit: 17, http: 500, meaning: 'the operating system reported another error' },
  'needs-reboot': { exit: 18, http: 409, meaning: 'only a reboot can do that' },
  'not-executable': { exit: 126, http: 422, meaning: 'what was to be run in a service is no program' },
  'no-program': { exit: 127, http: 404, meaning: 'what was to be run in a service is not there' },
  interrupted: { exit: 130, http: 503, meaning: 'stopped by a signal before the end' },
} as const;

export type ErrorCode = keyof typeof errorCodes;
