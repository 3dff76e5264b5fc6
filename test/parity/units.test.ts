import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../helpers/folder.ts';

const names = ['mos-api.socket', 'mos-api.path', 'mos-api.service', 'mos-live.service'] as const;
const read = (name: string): string => readFileSync(join('layouts/units', name), 'utf8');

test('systemd finds nothing wrong with the units', async (t) => {
  const folder = await temporaryFolder(t);
  const mosctl = resolve('build/mosctl');
  for (const name of names)
    writeFileSync(join(folder, name), read(name).replaceAll('/usr/bin/mosctl', mosctl));
  const said = execFileSync('systemd-analyze', ['verify', ...names.map((name) => join(folder, name))], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.is(said, '');
});

test('what the daemon mounts and starts is the machine’s and not its unit’s', (t) => {
  const keys = [...read('mos-api.service').matchAll(/^([A-Za-z]+)=/gm)].map((match) => match[1] ?? '');
  // systemd.exec(5): each of these makes a mount namespace, or is inherited by the services that are started.
  const harmful =
    /^(Private|Protect|ReadOnlyPaths|ReadWritePaths|InaccessiblePaths|TemporaryFileSystem|Bind|RootDirectory|SystemCall|RestrictAddressFamilies|RestrictNamespaces|CapabilityBoundingSet)/;
  t.deepEqual(
    keys.filter((key) => harmful.test(key)),
    [],
  );
  t.regex(read('mos-api.service'), /^KillMode=process$/m);
});

test('the recovery key that a live install prints comes to the console, and to no log; why it failed comes to both', (t) => {
  const unit = read('mos-live.service');
  t.regex(unit, /^StandardOutput=tty$/m);
  t.regex(unit, /^StandardError=journal\+console$/m);
  t.regex(unit, /echo XXX FAIL XXX >&2'$/m, 'by the same way as the reason, so behind it');
});
