import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootHashOf } from '../../../pkg/atomfs/index.ts';
import type { ImageManifest } from '../../../pkg/oci/index.ts';
import { type MachineKit, makeMachineKit } from '../../../test/helpers/machine-kit.ts';
import { Machine, type MachineOptions } from '../../../test/helpers/vm.ts';
import { hashOffsetOf } from '../hash-offset.ts';
import { inTurn } from '../pairs.ts';
import type { Run } from '../program.ts';
import type { Context, Group } from '../row.ts';

// From the first word of the kernel on, in a VM: the same kernel, disk and image, started by our initrd and by one of Debian's
// initramfs-tools that opens the layers by veritysetup and verifies nothing else.

/** Both sides are the same from here on: what systemd says first. */
const handOver = /Welcome to /;
const prompt = / login: $/;

export const startup: Group = {
  name: 'startup',
  async run(context) {
    const { kernel, disk, ours, theirs, sizes } = await prepare(context);
    const common = { kernel, disk, snapshot: true };
    const sides = {
      ours: { ...common, initrd: ours },
      theirs: { ...common, initrd: theirs, append: ['boot=layers'] },
    };
    const measured = async (until: RegExp) => {
      const side = (options: MachineOptions) => ({ run: () => startUntil(options, until) });
      return inTurn(context.pairs, { ours: side(sides.ours), theirs: side(sides.theirs) });
    };
    const [early, late] = [await measured(handOver), await measured(prompt)];
    const seconds = (runs: readonly Run[]) => runs.map(({ milliseconds }) => milliseconds / 1000);
    const against = 'initramfs-tools and `veritysetup`, no manifest, nothing else mounted';
    return [
      {
        ...{ work: 'from the start of the kernel to hand-over, in a VM', against, unit: 's' },
        ...{ ours: seconds(early.ours), theirs: seconds(early.theirs), goal: 1.3 },
      },
      {
        ...{ work: 'to the login prompt', against, unit: 's' },
        ...{ ours: seconds(late.ours), theirs: seconds(late.theirs), goal: 1.15 },
      },
      {
        ...{ work: 'memory of QEMU at hand-over, its own too', against, unit: 'MiB' },
        ...{ ours: early.ours.map(mebibytesOf), theirs: early.theirs.map(mebibytesOf) },
      },
      {
        ...{ work: 'initrd, as a boot file has it', against, unit: 'MiB' },
        ...{ ours: [sizes.ours], theirs: [sizes.theirs] },
      },
    ];
  },
};

const mebibytesOf = ({ mebibytes }: Run): number => mebibytes;

/** Milliseconds from what the kernel says first, and the memory of QEMU then. */
async function startUntil(options: MachineOptions, until: RegExp): Promise<Run> {
  const machine = new Machine(options);
  try {
    await machine.waitFor(/Linux version /, 'the kernel');
    const started = performance.now();
    await machine.waitFor(until, `${until}`);
    return { milliseconds: performance.now() - started, mebibytes: machine.mebibytes };
  } finally {
    await machine.stop();
  }
}

async function prepare({ folder, say }: Context) {
  const kit = await makeMachineKit(join(folder, 'machine'));
  const root = kit.newRoot('root');
  const repository = `zot:${join(process.cwd(), folder, 'repository')}`;
  const release = { name: 'machine/install:1', image: '1-console', version: '1.0.0', release: 1, repository };
  await kit.command('mosctl', 'install', '--quiet', '-r', root, await kit.publish(release));
  say("an initrd of Debian's");
  const layers = join(folder, 'layers');
  writeFileSync(layers, renderLayers(root));
  const theirs = join(folder, 'debian-initrd');
  execFileSync('setup/bench/initramfs/build.sh', ['build/kernel', layers, theirs], {
    stdio: ['ignore', 2, 2],
  });
  const ours = packed(kit);
  const size = (file: string): number => statSync(file).size / 2 ** 20;
  const sizes = { ours: size(ours), theirs: size(theirs) };
  return { kernel: kit.kernel, disk: kit.disk(root, 'disk.img'), ours, theirs, sizes };
}

/** Compressed, as `mosb bootkit build` puts it into a boot file. */
function packed({ folder, ca }: MachineKit): string {
  const out = join(folder, 'initrd.zst');
  const parts = ['build/preinit', 'build/mosctl', ca, 'build/kernel/modules', out];
  execFileSync(process.execPath, ['initrd/pack.ts', ...parts]);
  return out;
}

/** A line of each layer of hostfs, bottom first: its digest, where its tree begins, the root hash. */
function renderLayers(root: string): string {
  const blobs = join(root, 'atomfs-cache/mos/blobs/sha256');
  const documents = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .filter((file) => statSync(file).size < 65_536)
    .map((file) => readFileSync(file, 'utf8'))
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Partial<ImageManifest>);
  // The image is the only thing of several layers there.
  const layers = documents.find((document) => (document.layers?.length ?? 0) > 1)?.layers ?? [];
  return layers
    .map((layer) => {
      const hex = layer.digest.slice('sha256:'.length);
      return `${hex} ${hashOffsetOf(join(blobs, hex))} ${rootHashOf(layer)}\n`;
    })
    .join('');
}
