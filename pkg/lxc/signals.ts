import { MosError } from '../errors/index.ts';

/** signal(7), as LXC knows them. */
const names = new Set(
  (
    'HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD ' +
    'CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS'
  ).split(' '),
);
/** From SIGRTMIN, which is 34 for programs with the GNU library, to SIGRTMAX, 64. */
const realTime = /^(?:RTMIN\+|RTMAX-)(?:[12]?\d|30)$/;

/** `SIGTERM`, `TERM`, `term`, `15`, `SIGRTMIN+3`, as in other runtimes. */
export function parseSignal(service: string, text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (names.has(name) || realTime.test(name)) return `SIG${name}`;
  if (/^([1-9]|[1-5]\d|6[0-4])$/.test(text)) return text;
  throw new MosError(
    'invalid',
    `cannot start ${service}: its image has the stop signal ${JSON.stringify(text)}`,
  );
}
