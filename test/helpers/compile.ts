import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

/** Compiles a program as the release is compiled; the file is left in build/parity for a person to try. */
export async function compile(source: string, name: string): Promise<string> {
  await mkdir('build/parity', { recursive: true });
  const output = `build/parity/${basename(name)}`;
  const flags = [
    '--compile',
    '--bytecode',
    '--minify',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
  ];
  const parts = ['--root=.', source, 'cmd/threads/inspect-layers.ts'];
  await promisify(execFile)('bun', ['build', ...flags, '--external=koffi', `--outfile=${output}`, ...parts]);
  return output;
}
