const startedLine = /NOTICE +start - .* - Started "/;
const errorLine = / ERROR +\S+ - [^:]+:[^:]+:\d+ - (.*)$/;

/** Whether LXC's log of one run says that the program was executed (src/lxc/start.c: it waits for that). */
export const isStarted = (log: string): boolean => startedLine.test(log);

/** The first error in LXC's log is the one that the others follow from; undefined where the program was started. */
export function parseStartFailure(log: string, program: string): string | undefined {
  const errors = log.split('\n').flatMap((line) => errorLine.exec(line)?.[1] ?? []);
  const failed = errors.find((text) => text.includes(`Failed to exec "${program}"`));
  if (failed !== undefined)
    return `its image has no program ${program} that can be run (${failed.split(' - ')[0]})`;
  return isStarted(log) ? undefined : (errors[0] ?? 'LXC does not say why');
}
