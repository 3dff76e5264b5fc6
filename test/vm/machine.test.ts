import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type MachineKit, makeMachineKit } from '../helpers/machine-kit.ts';
import { startRegistry } from '../helpers/registries.ts';
import { Machine } from '../helpers/vm.ts';

// The life of one machine, on its own disk: boot, update, reboot, rollback, reboot.

let kit: MachineKit;

test.before(async () => {
  mkdirSync('build/vm', { recursive: true });
  kit = await makeMachineKit(mkdtempSync('build/vm/machine-'));
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

test('a machine boots what was verified, is updated from a registry, and goes back', async (t) => {
  const registry = await startRegistry(t, { kind: 'docker' });
  const embedded = `zot:${join(kit.folder, 'repository')}`;
  const first = await kit.publish({
    name: 'machine/install:1',
    image: '1-console',
    version: '1.0.0',
    release: 1,
    repository: embedded,
  });
  await kit.publish({
    name: 'machine/install:2',
    image: '2-console',
    version: '2.0.0',
    release: 2,
    repository: registry.host,
  });
  const root = kit.newRoot('root');
  await kit.command('mosctl', 'install', '-r', root, first);
  const disk = kit.disk(root, 'machine.img');
  const machine = new Machine({ kernel: kit.kernel, initrd: kit.initrd, disk, reboots: true });
  t.teardown(() => machine.stop());

  await machine.login('mos', 120);
  console.log(await machine.run('systemctl status mos-boot --no-pager; cat /run/mos/booted.json; git -C /config/manifest.git for-each-ref; ls -la /config/mos; cat /config/mos/floor.json', {accept:[3,0,1]}));
  const port = registry.host.split(':')[1];
  console.log(await machine.run(`time mosctl update --plain-http 10.0.2.2:${port}/machine/install:2`, { seconds: 200 }));
  machine.type('systemctl reboot');
  await machine.login('mos', 120);
  console.log(await machine.run('which less; systemctl status mos-boot --no-pager; cat /run/mos/booted.json; git -C /config/manifest.git for-each-ref; git -C /config/manifest.git log refs/notes/mos', {accept:[3,0,1]}));
  console.log(machine.console.slice(-30000, -20000));
});
