import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootHashOf } from '../../../pkg/atomfs/index.ts';
import { compile } from '../../../test/helpers/compile.ts';
import { runInGuest } from '../../../test/helpers/guest.ts';
import { startRegistry } from '../../../test/helpers/registries.ts';
import { type MountRequest, mountsProgram, requestsFile, rootsFolder } from '../guest/request.ts';
import { hashOffsetOf } from '../hash-offset.ts';
import { imageSource } from '../images.ts';
import type { Compared } from '../pairs.ts';
import { measured, measureProgram } from '../program.ts';
import { type Context, type Group, milliseconds, type Row } from '../row.ts';
import { machineProgram, newRoot, publish } from '../vendor.ts';

/** One layer, and twenty. */
const names = ['system', 'twenty'] as const;
type Name = (typeof names)[number];

const goals = {
  system: { count: '1 layer', command: 1.7, inside: 0.6 },
  twenty: { count: '20 layers', command: 0.5, inside: 0.2 },
} as const;

export const boot: Group = {
  name: 'boot',
  async run(context) {
    const requests = await installed(context);
    const file = join(context.folder, 'requests.json');
    writeFileSync(file, JSON.stringify(requests));
    renameSync(await compile('setup/bench/guest/mounts.ts', 'bench-mounts'), join(context.folder, 'mounts'));
    const { code, said } = await runInGuest(context, `node setup/bench/guest/main.ts ${context.pairs} 2>&1`, {
      seconds: 1500,
      more: {
        [requestsFile]: file,
        [mountsProgram]: join(context.folder, 'mounts'),
        [measureProgram]: measureProgram,
        [rootsFolder]: join(context.folder, 'roots'),
      },
    });
    if (code !== 0) throw new Error(`the guest ended with ${code}: ${said}`);
    return names.flatMap((name) => toRows(name, parseRuns(said, name)));
  },
};

/** Machines with the images; answered with the paths that they have in the guest. */
async function installed(context: Context): Promise<MountRequest[]> {
  const { folder, say } = context;
  const { host: repository } = await startRegistry(context, { kind: 'docker' });
  const requests: MountRequest[] = [];
  for (const name of names) {
    const source = imageSource(name, say);
    const { manifest, image } = await publish({
      folder,
      repository,
      name: `machine/${name}:1`,
      release: 1,
      source,
    });
    const root = newRoot(join(folder, 'roots', name));
    await measured(machineProgram('install', root, manifest));
    const blobs = 'atomfs-cache/mos/blobs/sha256';
    const blob = (digest: string) => join(blobs, digest.slice('sha256:'.length));
    const { layers } = JSON.parse(readFileSync(join(root, blob(image.replace(/^.*@/, ''))), 'utf8'));
    const inGuest = `/repo/${rootsFolder}/${name}`;
    requests.push({
      name,
      root: inGuest,
      layers: layers.map((descriptor: MountRequest['layers'][number]['descriptor']) => ({
        descriptor,
        file: join(inGuest, blob(descriptor.digest)),
        verityRoot: rootHashOf(descriptor) ?? '',
        hashOffset: hashOffsetOf(join(root, blob(descriptor.digest))),
      })),
    });
  }
  return requests;
}

type Sides = Compared<'command' | 'bare' | 'inside'>;

function parseRuns(said: string, name: Name): Sides {
  const line = said.split('\n').find((one) => one.startsWith(`@@runs ${name} `));
  if (line === undefined) throw new Error(`the guest said nothing of ${name}: ${said}`);
  return JSON.parse(line.slice(`@@runs ${name} `.length));
}

function toRows(name: Name, runs: Sides): Row[] {
  const { count, command, inside } = goals[name];
  const bare = {
    against: '`losetup`, `veritysetup`, `mount`, nothing verified',
    unit: 'ms',
    theirs: milliseconds(runs.bare),
  } as const;
  return [
    {
      ...bare,
      work: `\`mosctl create-boot-fs\` in a VM, ${count}`,
      ours: milliseconds(runs.command),
      goal: command,
    },
    {
      ...bare,
      work: `its mounts alone, in a process that runs, ${count}`,
      ours: milliseconds(runs.inside),
      goal: inside,
    },
  ];
}
