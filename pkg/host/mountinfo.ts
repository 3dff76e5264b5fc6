import type { MountEntry } from './mounts.ts';

/** Text of /proc/self/mountinfo to entries; fields as in proc_pid_mountinfo(5). */
export const parseMountInfo = (text: string): MountEntry[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);

function parseLine(line: string): MountEntry {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const field = (index: number): string => unescapeOctal(fields[index] ?? '');
  return {
    id: Number(fields[0]),
    parent: Number(fields[1]),
    device: field(2),
    root: field(3),
    target: field(4),
    options: field(5).split(','),
    fstype: field(dash + 1),
    source: field(dash + 2),
    superOptions: (fields[dash + 3] ?? '').split(',').map(unescapeOctal),
  };
}

/** Space, tab, newline and backslash stand as \040, \011, \012 and \134. */
const unescapeOctal = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
