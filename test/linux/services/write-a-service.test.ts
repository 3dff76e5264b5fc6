import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { machinePaths } from '../../../pkg/system/index.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { makeSandbox } from '../../helpers/sandbox.ts';

/** A command of the page, with what it is to say; a document that it is given ends with END. */
type Shown = { readonly command: string; readonly said: readonly string[] };

function readPage(): Shown[] {
  const shown: { command: string; said: string[] }[] = [];
  let isDocument = false;
  for (const [, line = ''] of readFileSync('docs/write-a-service.md', 'utf8').matchAll(/^ {4}(.*)$/gm)) {
    const last = shown.at(-1);
    if (line.startsWith('$ ')) shown.push({ command: line.slice(2), said: [] });
    else if (isDocument && last) last.command += `\n${line}`;
    else last?.said.push(line);
    isDocument = line.endsWith('<<END') || (isDocument && line !== 'END');
  }
  return shown;
}

/** Times, digests, process ids and versions of Debian's packages are others each time. */
const likeness = (line: string): string =>
  line
    .replaceAll(/\b[0-9a-f]{12,64}\b/g, '#')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '#')
    .replaceAll(/nginx\/[\d.]+/g, '#')
    .replaceAll(/(?<=running +)\d+/g, '#')
    .replaceAll(/ +/g, ' ')
    .trim();

test('docs/write-a-service.md can be followed as it stands', async (t) => {
  t.timeout(300_000);
  const folder = await temporaryFolder(t);
  const sandbox = await makeSandbox(t);
  symlinkSync(resolve('build'), join(folder, 'build'));
  const { run } = await machinePaths(linuxHost, join(folder, 'm'));
  const env = {
    HOME: folder,
    PATH: `${resolve('build')}:${process.env['PATH']}`,
    // What was converted once is not converted again.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  };
  const go = (command: string): string => {
    const words = [
      '-t',
      String(sandbox.pid),
      '--net',
      '--mount',
      '--',
      'bash',
      '-c',
      `cd ${folder} && ${command}`,
    ];
    const { stdout, stderr } = spawnSync('nsenter', words, { encoding: 'utf8', env });
    return `${stdout}${stderr}`;
  };
  t.teardown(async () => {
    go('mosctl stop --all --timeout 0 -r m; mosctl umount --all -r m');
    await linuxHost.files.removeTree(run);
  });
  const shown = readPage();
  t.true(shown.length > 15);
  for (const { command, said } of shown) {
    const heard = go(command.replace('mosctl activate', 'mosctl activate --integrity digest'));
    const lines = heard.replaceAll(`${folder}/`, '').split('\n').map(likeness);
    for (const line of said)
      t.true(lines.includes(likeness(line)), `${command}\nsaid: ${heard}\nnot: ${line}`);
  }
});
