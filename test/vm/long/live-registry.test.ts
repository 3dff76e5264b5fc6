import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { refused } from '../../helpers/attacks.ts';
import { firmwareArguments, newVariables } from '../../helpers/firmware.ts';
import { type MediumKit, makeMediumKit, usbStick } from '../../helpers/live-medium.ts';
import { makeServerCertificates } from '../../helpers/registries/certificates.ts';
import { startRegistry, type TestRegistry } from '../../helpers/registries.ts';
import { Machine, type MachineOptions } from '../../helpers/vm.ts';

// A live system that comes out of a registry, by https with a CA of its own: booted under Secure Boot, and everything that
// ends such a boot. The failures are told by the initrd, so those machines are started without firmware.

let kit: MediumKit;
let registry: TestRegistry;
let medium: string;
/** The kernel command line as it was signed. */
let commandLine: string;
const hooks: (() => unknown)[] = [];

const make = (name: string, ca: string): Promise<string> => {
  const repo = `https://10.0.2.2:${registry.host.split(':')[1]}`;
  const words = ['--enrol', '--repo', repo, '--registry-ca', ca, 'vm:default', reference];
  return kit.make('mkboot', name, ...words);
};
let reference: string;

test.before(async (t) => {
  t.timeout(10 * 60_000);
  const owner = { teardown: (hook: () => unknown) => void hooks.push(hook) };
  registry = await startRegistry(owner, { kind: 'docker', tls: true });
  kit = await makeMediumKit('live-registry');
  reference = await kit.publishLive('livecd-console', registry.host, registry.ca);
  reference = await kit.publishLive('livecd-console');
  medium = await make('live.iso', registry.ca ?? '');
  commandLine = await unpack('good', medium);
});
test.after.always(async () => {
  for (const hook of hooks.toReversed()) await hook();
  if (kit) rmSync(kit.folder, { recursive: true });
});

/** The initrd of a medium's boot file as a file of this name; returns the command line. */
async function unpack(name: string, from: string): Promise<string> {
  const at = (file: string): string => join(kit.folder, file);
  execFileSync('xorriso', ['-osirrox', 'on', '-indev', from, '-extract', '/efi.img', at(`${name}.img`)], {
    stdio: 'ignore',
  });
  execFileSync('mcopy', ['-i', at(`${name}.img`), '::/EFI/mos/live.efi', at(`${name}.efi`)]);
  const sections = ['.initrd', '.cmdline'].flatMap((one) => ['--dump-section', `${one}=${at(name + one)}`]);
  execFileSync('objcopy', [...sections, at(`${name}.efi`), at(`${name}.copy`)]);
  return execFileSync('tr', ['-d', '\\0'], {
    input: execFileSync('cat', [at(`${name}.cmdline`)]),
  }).toString();
}

test.serial(
  'under Secure Boot a live system is fetched, verified and booted, and makes a network of its own',
  async (t) => {
    t.timeout(15 * 60_000);
    t.true(statSync(medium).size < 100_000_000);
    const variables = join(kit.folder, 'variables.fd');
    newVariables(variables);
    const machine = new Machine({
      ...{ disk: kit.emptyDisk('empty.img'), reboots: true, qemu: usbStick(medium) },
      ...{ firmware: firmwareArguments(variables), bus: [] },
    });
    t.teardown(() => machine.stop());
    await machine.waitFor(/mos: \w+ has 10\.0\.2\.15\/24 of 10\.0\.2\.2\n/, 'the network', 600);
    await machine.waitFor(/mos: \d+ bytes of https:\/\/10\.0\.2\.2:\d+, into memory\n/, 'the download', 600);
    await machine.waitFor(/mos: live system 1\.0\.0 of zot:\/run\/mos\/medium/, 'the live system', 600);
    await machine.login('mos', 600);
    t.is(await machine.run('od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-*'), '   6   0   0   0   1\n');
    t.is(await machine.run('stat -f -c %T /run/mos/medium'), 'tmpfs\n');
    t.is(await machine.run('cat /proc/cmdline'), `${commandLine}\n`);
    t.regex(
      commandLine,
      / root=soci:name=machine\/live@sha256:\w{64},repo=https:\/\/10\.0\.2\.2:\d+ systemd\.import_credentials=no$/,
    );
    t.is(await machine.run('ls /mos-action'), '/mos-action\n');
    const asked = await machine.run(
      'systemctl start network-online.target; ip -4 -o address show scope global',
    );
    t.regex(asked, /10\.0\.2\.15\/24/);
    await machine.stop();
  },
);

type Start = Pick<MachineOptions, 'network' | 'mebibytes'> & {
  readonly initrd?: string;
  readonly line?: string;
};

/** What a machine says that is started without firmware, and that it reboots by itself then. */
async function ends(t: ExecutionContext, { initrd = 'good', line = commandLine, ...options }: Start) {
  const machine = new Machine({
    ...{ kernel: kit.kernel, initrd: join(kit.folder, `${initrd}.initrd`), append: [line] },
    ...{ disk: kit.emptyDisk('empty.img'), ...options },
  });
  t.teardown(() => machine.stop());
  await machine.waitForEnd(400);
  t.notRegex(machine.console, /login:/);
  t.regex(machine.console, /mos: cannot boot: see the message of mosctl above; the machine reboots/);
  return machine.console;
}

test.serial('without a DHCP server it says so, and reboots', async (t) => {
  const alone = ['-netdev', 'hubport,id=net,hubid=0', '-device', 'virtio-net-pci,netdev=net'];
  const said = await ends(t, { network: alone });
  t.regex(
    said,
    /mos: cannot bring up the network: no DHCP server answers on \w+\nmos: it needs a network with DHCP/,
  );
});

test.serial('with too little memory nothing is fetched', async (t) => {
  const said = await ends(t, { mebibytes: 448 });
  t.regex(
    said,
    /mos: cannot fetch the live system: \d+ MiB of memory are needed, \d+ are free\nmos: a machine with so little/,
  );
});

test.serial('a registry whose certificate is of another CA is not asked', async (t) => {
  const other = join(kit.folder, 'other');
  execFileSync('mkdir', [other]);
  await unpack('other-ca', await make('other.iso', makeServerCertificates(other).ca));
  const said = await ends(t, { initrd: 'other-ca' });
  t.regex(said, /mos: cannot fetch the live system from https:.* is signed by an unknown CA\nmos: /);
});

test.serial(
  'where firmware checks nothing, a command line of somebody else names no other registry',
  async (t) => {
    const how = 'root=soci:… of another registry, by a boot loader without Secure Boot';
    const said = await ends(t, { line: commandLine.replace('https://10.0.2.2', 'https://10.0.2.3') });
    const by = /mos: cannot boot by the kernel command line: it says root=soci:.*/;
    refused(t, 'a live boot file with a command line of somebody else', how, said, by);
  },
);

test.serial('a registry that sends other bytes is found out', async (t) => {
  const blobs = join(registry.folder, 'data/docker/registry/v2/blobs/sha256');
  const files = readdirSync(blobs, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('/data'))
    .map((name) => join(blobs, name));
  const [largest = ''] = files.toSorted((a, b) => statSync(b).size - statSync(a).size);
  execFileSync('dd', [`of=${largest}`, 'bs=1', 'seek=5000', 'conv=notrunc', 'status=none'], {
    input: 'changed',
  });
  const said = await ends(t, {});
  const how = 'bytes of a layer are changed in the registry';
  refused(
    t,
    'a registry that has another live system',
    how,
    said,
    /mos: cannot fetch the live system from .*/,
  );
});

test.serial('a registry that is not there is told', async (t) => {
  process.kill(registry.pid);
  const said = await ends(t, {});
  t.regex(
    said,
    /mos: cannot fetch the live system from https:.*: it refuses the connection\nmos: the machine tries again/,
  );
});
