import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bringPersistent, makeMachineId } from '../../initrd/persistent.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import type { Progress } from '../../pkg/steps/index.ts';

const id = '0123456789abcdef0123456789abcdef\n';

function places(t: ExecutionContext, files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'mos-persistent-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [config, root] = [join(folder, 'config'), join(folder, 'root')];
  for (const name of ['etc/ssh', 'etc/systemd/network']) mkdirSync(join(root, name), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(config, name)), { recursive: true });
    writeFileSync(join(config, name), content);
  }
  const notes: string[] = [];
  const report = (event: Progress) => void (event.kind === 'note' && notes.push(event.text));
  const bring = () => bringPersistent(linuxHost, config, root, report);
  return { config, root, notes, bring, read: (name: string) => readFileSync(join(root, name), 'utf8') };
}

test('what is on the list is brought with its mode, anything else is not', async (t) => {
  const { root, notes, bring, read } = places(t, {
    'etc/machine-id': id,
    'etc/ssh/ssh_host_ed25519_key': 'secret',
    'etc/ssh/ssh_host_ed25519_key.pub': 'public',
    'etc/ssh/sshd_config': 'PermitRootLogin yes',
    'etc/systemd/network/10-lan.network': '[Match]',
    'etc/systemd/network/10-lan.netdev': '[NetDev]',
    'etc/shadow': 'root::',
  });
  await bring();
  t.deepEqual(notes, []);
  t.is(read('etc/machine-id'), id);
  t.is(read('etc/ssh/ssh_host_ed25519_key'), 'secret');
  t.is(statSync(join(root, 'etc/ssh/ssh_host_ed25519_key')).mode & 0o777, 0o600);
  t.is(read('etc/ssh/ssh_host_ed25519_key.pub'), 'public');
  t.is(read('etc/systemd/network/10-lan.network'), '[Match]');
  for (const name of ['etc/ssh/sshd_config', 'etc/systemd/network/10-lan.netdev', 'etc/shadow'])
    t.false(existsSync(join(root, name)), name);
});

test('an id of the wrong form, a link and a big file are left out and told', async (t) => {
  const { config, root, notes, bring } = places(t, {
    'etc/machine-id': 'uninitialized\n',
    'etc/ssh/ssh_host_rsa_key': 'x'.repeat(65537),
    'etc/systemd/network/x': '',
  });
  symlinkSync('/etc/passwd', join(config, 'etc/systemd/network/a.network'));
  await bring();
  t.deepEqual(notes, [
    `left out: ${config}/etc/machine-id does not have the form it must have`,
    `left out: ${config}/etc/ssh/ssh_host_rsa_key is no file of at most 65536 bytes`,
    `left out: ${config}/etc/systemd/network/a.network is no file of at most 65536 bytes`,
  ]);
  t.false(existsSync(join(root, 'etc/machine-id')));
});

test('a link in the new root cannot lead out of it', async (t) => {
  const { root, notes, bring } = places(t, { 'etc/machine-id': id });
  rmSync(join(root, 'etc'), { recursive: true });
  mkdirSync(join(root, 'real'));
  symlinkSync('/real', join(root, 'etc'));
  await bring();
  t.deepEqual(notes, []);
  t.is(readFileSync(join(root, 'real/machine-id'), 'utf8'), id);
});

test('a machine keeps the id of its first boot', async (t) => {
  const { config } = places(t, {});
  await makeMachineId(linuxHost, config, Buffer.alloc(16, 0xff));
  await makeMachineId(linuxHost, config, Buffer.alloc(16));
  t.is(readFileSync(join(config, 'etc/machine-id'), 'utf8'), 'ffffffffffff4fffbfffffffffffffff\n');
});
