const startedLine = /NOTICE +start - .* - Started "/;
const errorLine = / ERROR +\S+ - [^:]+:[^:]+:\d+ - (.*)$/;

/** Whether LXC's log of one run says that the program was executed (src/lxc/start.c: it waits for that). */
export const isStarted = (log: string): boolean => startedLine.test(log);

/** `lxc-attach: web: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec "x"` */
const saidLine = /^lxc-attach: \S+ \S+ \S+ \d+ (.*)$/;

const errorsOf = (log: string): string[] =>
  log.split('\n').flatMap((line) => errorLine.exec(line)?.[1] ?? []);

/** What LXC's log says of a program that it could not execute, in the words of strerror(3); undefined where that is no trouble. */
export const parseExecFailure = (log: string, program: string): string | undefined =>
  execFailure(errorsOf(log), program);

/** The same of what lxc-attach says on its stderr. */
export const parseSaidFailure = (said: string, program: string): string | undefined =>
  execFailure(
    said.split('\n').flatMap((line) => saidLine.exec(line)?.[1] ?? []),
    program,
  );

const execFailure = (texts: readonly string[], program: string): string | undefined =>
  texts.find((text) => text.includes(`Failed to exec "${program}"`))?.split(' - ')[0];

/** The error that the others follow from; undefined where there is none. */
export const firstError = (log: string): string | undefined => errorsOf(log)[0];

/** The first error in LXC's log is the one that the others follow from; undefined where the program was started. */
export function parseStartFailure(log: string, program: string): string | undefined {
  const failed = parseExecFailure(log, program);
  if (failed !== undefined) return `its image has no program ${program} that can be run (${failed})`;
  return isStarted(log) ? undefined : (firstError(log) ?? 'LXC does not say why');
}
