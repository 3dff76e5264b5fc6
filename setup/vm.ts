// `make vm`: a machine of its own, made by the released commands, booted in QEMU on this terminal. A registry runs beside
// it with release 2, so that the machine can be updated.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { makeMachineKit } from '../test/helpers/machine-kit.ts';
import { startRegistry } from '../test/helpers/registries.ts';
import { qemuArguments } from '../test/helpers/vm.ts';

const folder = 'build/vm/machine';
const name = (release: number) => `machine/install:${release}`;
const say = (text: string) => console.log(`== ${text}`);

await using atTheEnd = new AsyncDisposableStack();
rmSync(folder, { recursive: true, force: true });
say('keys, initrd');
const kit = await makeMachineKit(folder);
const registry = await startRegistry(
  { teardown: (hook) => atTheEnd.defer(async () => void (await hook())) },
  { kind: 'docker' },
);
say('convert and publish release 1 to an embedded repository, release 2 to a registry');
const publish = (release: 1 | 2, repository: string) =>
  kit.publish({
    name: name(release),
    image: `${release}-console`,
    version: `${release}.0.0`,
    release,
    repository,
  });
const first = await publish(1, `zot:${resolve(folder, 'repository')}`);
await publish(2, registry.host);
say('install release 1');
const root = kit.newRoot('root');
console.log(await kit.command('mosctl', 'install', '-r', root, first));
const disk = kit.disk(root, 'disk.img');
const there = `10.0.2.2:${registry.host.split(':')[1]}/${name(2)}`;
say('boot; log in as root, password mos; Ctrl-A X ends it. In the machine, try:');
console.log(
  `   mosctl status\n   mosctl update --plain-http ${there}\n   reboot\n   mosctl rollback\n   mosctl log\n`,
);
const options = { kernel: kit.kernel, initrd: kit.initrd, disk, reboots: true };
const qemu = spawn('qemu-system-x86_64', qemuArguments(options, 'mon:stdio'), { stdio: 'inherit' });
await once(qemu, 'close');
