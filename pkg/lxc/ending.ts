/** How the first process of a container ended. */
export type ContainerEnd = { readonly code: number } | { readonly signal: number };

/** The name of a signal is that of strsignal(3): `signal Killed(9)`, `signal Segmentation fault(11)`. */
const endLine = /Child <\d+> ended on (error|signal)[^()\n]*\((\d+)\)/g;

/**
 * LXC 5 tells the exit code nowhere but in its log, at level INFO (src/lxc/error.c); of a code 0 it says nothing. The log
 * is that of one run, which has ended.
 */
export function parseEnd(log: string): ContainerEnd {
  const last = [...log.matchAll(endLine)].at(-1);
  if (last === undefined) return { code: 0 };
  return last[1] === 'error' ? { code: Number(last[2]) } : { signal: Number(last[2]) };
}
