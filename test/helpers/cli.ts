import { run } from '../../cmd/cli/run.ts';
import { programs } from '../../cmd/programs.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

export type Called = { readonly exit: number; readonly stdout: string; readonly stderr: string };
export type CallOptions = {
  readonly host?: Host;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly builtAt?: Date;
  readonly cwd?: string;
};

/** A command line in this process: what it printed and its exit code. The first word is the program. */
export async function call(words: readonly string[], options: CallOptions = {}): Promise<Called> {
  const [name = '', ...argv] = words;
  const program = programs[name];
  if (program === undefined) throw new Error(`there is no program ${name}`);
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exit = await run(options.host ?? linuxHost, program, argv, {
    stdout: { write: (text) => void stdout.push(text) },
    stderr: { write: (text) => void stderr.push(text), columns: undefined },
    readStdin: async () => options.stdin ?? '',
    cwd: options.cwd ?? '/',
    signal: options.signal ?? new AbortController().signal,
    version: '0.0.0',
    builtAt: options.builtAt ?? new Date(0),
  });
  return { exit, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** `mosctl --quiet …` with the root; what it printed without what differs from run to run. */
export async function mosctl(root: string, ...words: readonly string[]): Promise<Called> {
  return call(['mosctl', '--quiet', ...words, '--root', root]);
}

/** Times, digests and folders replaced by words, so that whole texts can be compared. */
export const plain = (text: string, folders: Readonly<Record<string, string>> = {}): string =>
  Object.entries(folders)
    .reduce((all, [word, folder]) => all.replaceAll(folder, word), text)
    .replaceAll(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}/g, 'TIME')
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'SHA')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'DIGEST');
