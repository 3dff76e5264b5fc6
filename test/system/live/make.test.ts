import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parseReference } from '../../../pkg/oci/index.ts';
import { readBootFile } from '../../../pkg/system/bootkit/index.ts';
import { type MakeMediumOptions, makeLiveMedium } from '../../../pkg/system/live/index.ts';
import { addImage, addProduct, builtAt, makeVendor, publishRelease } from '../../helpers/vendor.ts';

const efi = '/usr/lib/systemd/boot/efi';

/** As much of a kernel as is looked at: its magic, and the text of its release. */
function fakeKernel(): Buffer {
  const kernel = Buffer.alloc(4096);
  kernel.write('HdrS', 0x202, 'latin1');
  kernel.writeUInt16LE(0x800, 0x20e);
  kernel.write('6.1.0-mos\0', 0xa00, 'latin1');
  return kernel;
}

/** A published manifest with one target, and what a medium of it is made of. */
async function prepare(t: ExecutionContext, target: string) {
  const vendor = await makeVendor(t);
  const keys = join(vendor.folder, 'machine/trust/keys');
  mkdirSync(keys, { recursive: true });
  await addProduct(vendor, 'other');
  cpSync(vendor.keys, keys, { recursive: true });
  const host: Host = {
    ...linuxHost,
    machine: {
      ...linuxHost.machine,
      environment: (name) => (name === 'XDG_DATA_HOME' ? vendor.folder : undefined),
    },
  };
  const source = await addImage(vendor, 'live', { 'mos-action': 'livecd\n' });
  const manifest = `update_type: complete\ntargets:\n  - {service_name: ${target}, source: "${source}", version: 1.0.0, service_type: fs-only, nsgroup: none}\n`;
  const { reference, digest } = await publishRelease(vendor, { name: 'machine/live:1', manifest });
  const kernel = join(vendor.folder, 'vmlinuz');
  writeFileSync(kernel, fakeKernel());
  const pins: (string | undefined)[] = [];
  const networks: unknown[] = [];
  const options: MakeMediumOptions = {
    ...{ keyset: vendor.keyset, project: 'default', reference: parseReference(reference), more: [] },
    ...{ cwd: vendor.folder, output: join(vendor.folder, 'live.iso'), purpose: 'limited', enrol: false },
    ...{ date: 315_532_800, access: {}, time: { now: new Date(), builtAt }, commandLine: 'quiet', kernel },
    ...{ stub: `${efi}/linuxx64.efi.stub`, loader: `${efi}/systemd-bootx64.efi` },
    initrd: async (_ca, { live, network }) => {
      pins.push(live);
      networks.push(network);
      return Buffer.from('initrd');
    },
  };
  const make = (wishes: Partial<MakeMediumOptions> = {}) =>
    makeLiveMedium(host, { ...options, ...wishes }, () => {});
  return { folder: vendor.folder, digest, pins, networks, make };
}

const filesOf = (medium: string, folder: string): string[] => {
  execFileSync('xorriso', ['-osirrox', 'on', '-indev', medium, '-extract', '/', folder], { stdio: 'ignore' });
  return readdirSync(folder, { recursive: true }).map(String).sort();
};

test('a medium has a boot file for one manifest, and all that the manifest names', async (t) => {
  const { folder, digest, pins, make } = await prepare(t, 'livecd');
  const made = await make();
  t.like(made, {
    signer: 'UKI Limited',
    live: `machine/live@${digest}`,
    manifests: ['zot:/run/mos/medium/oci:machine/live:1'],
  });
  t.deepEqual(pins, [`machine/live@${digest}\n`]);
  const out = join(folder, 'out');
  const files = filesOf(made.output, out);
  t.true(files.includes('oci/machine/live/index.json') && files.includes('oci/mos/index.json'));
  t.deepEqual(
    files.filter((name) => name.includes('.mos')),
    [],
  );
  const esp = execFileSync('mdir', ['-i', join(out, 'efi.img'), '-/', '-b', '::/'], { encoding: 'utf8' });
  t.deepEqual(
    esp
      .split('\n')
      .filter((name) => /[^/]$/.test(name))
      .sort(),
    [
      '::/EFI/BOOT/BOOTX64.EFI',
      '::/EFI/mos/live.efi',
      ...['KEK', 'PK', 'db'].map((name) => `::/loader/keys/auto/${name}.auth`),
      '::/loader/entries/live.conf',
      '::/loader/loader.conf',
    ].sort(),
  );
  t.is(
    execFileSync('blkid', ['-o', 'value', '-s', 'LABEL', made.output], { encoding: 'utf8' }),
    'OCI-BOOT\n',
  );
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.mos-tmp')),
    [],
  );
});

test('of a registry the medium has a boot file alone, which says so in its initrd and on its command line', async (t) => {
  const { folder, digest, pins, networks, make } = await prepare(t, 'livecd');
  const repo = 'https://registry.example:5000';
  const made = await make({ repo, access: { registryCa: '/ca.pem' } });
  t.like(made, { live: `machine/live@${digest}`, repo, manifests: [] });
  t.deepEqual(pins, [`machine/live@${digest}\n${repo}\n`]);
  t.deepEqual(networks, [{ registryCa: '/ca.pem' }]);
  const out = join(folder, 'out');
  t.deepEqual(filesOf(made.output, out), ['boot.catalog', 'efi.img']);
  const copy = join(folder, 'live.efi');
  execFileSync('mcopy', ['-i', join(out, 'efi.img'), '::/EFI/mos/live.efi', copy]);
  const { commandLine } = await readBootFile(linuxHost, copy);
  t.is(commandLine, `quiet root=soci:name=machine/live@${digest},repo=${repo} systemd.import_credentials=no`);
});

test('the same parts give the same bytes', async (t) => {
  const { folder, make } = await prepare(t, 'livecd');
  const again = join(folder, 'again.iso');
  const [one] = [await make(), await make({ output: again })];
  t.true(readFileSync(one.output).equals(readFileSync(again)));
});

const refused = test.macro({
  async exec(t: ExecutionContext, target: string, wishes: Partial<MakeMediumOptions>, message: RegExp) {
    const { folder, make } = await prepare(t, target);
    await t.throwsAsync(make(wishes), { message });
    t.false(existsSync(join(folder, 'live.iso')));
    t.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('.mos-tmp')),
      [],
    );
  },
  title: (what) => `no medium is made of ${what}`,
});
test(
  'a manifest without livecd',
  refused,
  'other',
  {},
  /cannot find the target livecd in zot:.*: there are other/,
);
test('the manifest of another project', refused, 'livecd', { project: 'other' }, /cannot trust zot:.*/);
test(
  'a registry and manifests that lie on the medium',
  refused,
  'livecd',
  { repo: 'https://registry.example', more: ['zot:repo:machine/install:1'] },
  /--add and --repo exclude each other/,
);
test('a kernel that is not there', refused, 'livecd', { kernel: '/nowhere' }, /there is no \/nowhere/);
