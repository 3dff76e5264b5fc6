import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { machinePaths } from '../../pkg/system/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { addImage, makeVendor } from '../helpers/vendor.ts';

test('docs/operate-machines.md can be followed as it stands', async (t) => {
  const folder = await temporaryFolder(t);
  const vendor = await makeVendor(t);
  await addImage(vendor, '1', { 'etc/motd': 'hello' });
  symlinkSync(vendor.images, join(folder, 'images'));
  const lines = readFileSync('docs/operate-machines.md', 'utf8').matchAll(/^ {4}(.*)$/gm);
  const stop = "trap 'kill $(cat m*/pid); wait' EXIT";
  const script = [stop, ...[...lines].map((line) => line[1])].join('\n');
  const env = { PATH: `${resolve('build')}:${process.env.PATH}`, XDG_DATA_HOME: join(folder, 'share') };
  t.teardown(async () => {
    for (let n = 0; n <= 10; n++)
      await linuxHost.files.removeTree((await machinePaths(linuxHost, join(folder, `m${n}`))).run);
  });
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((done) => {
    execFile('/bin/bash', ['-c', script], { cwd: folder, env, timeout: 300_000 }, (_error, stdout, stderr) =>
      done({ stdout, stderr }),
    );
  });
  t.is([...stdout.matchAll(/^generation 2: data 1\.0\.0 → 2\.0\.0 /gm)].length, 10, stderr);
  t.regex(stdout, /^generation 1: data added \(/m, stderr);
  t.regex(stdout, /^generation 3 has the content of generation 1$/m);
  t.regex(stdout, /^Staged: an update is fetched and verified$/m);
  t.regex(stdout, /^nobody holds updates$/m);
  t.regex(stdout, /^wrote .*m3\.tar, /m);
  t.regex(stderr, /cannot trust the client: its certificate "desk" was revoked/);
});
