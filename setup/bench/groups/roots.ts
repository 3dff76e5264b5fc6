import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../../../test/helpers/compile.ts';
import { convertedImage } from '../../../test/helpers/converted-image.ts';
import { runInGuest } from '../../../test/helpers/guest.ts';
import {
  plainFolder,
  type RootRequest,
  rootRequestFile,
  rootsProgram,
  umociProgram,
} from '../guest/request.ts';
import type { Compared } from '../pairs.ts';
import { measureProgram } from '../program.ts';
import { type Context, type Group, milliseconds, type Row } from '../row.ts';

const goal = 0.02;
const layersFolder = 'build/bench/layers';

/** Debian's root file system for a service, in the guest; erofs, because its kernel can not give squashfs to other ids. */
export const roots: Group = {
  name: 'roots',
  async run(context) {
    const { request, files } = await erofsLayers();
    const file = join(context.folder, 'root.json');
    writeFileSync(file, JSON.stringify(request));
    renameSync(
      await compile('setup/bench/guest/service-roots.ts', 'bench-service-roots'),
      join(context.folder, 'service-roots'),
    );
    const runs = await inGuest(context, {
      ...files,
      [rootRequestFile]: file,
      [rootsProgram]: join(context.folder, 'service-roots'),
      [measureProgram]: measureProgram,
      [plainFolder]: 'build/images/debian',
      [umociProgram]: '/usr/bin/umoci',
    });
    return (['first', 'tenth'] as const).flatMap((start) => rowsOf(start, runs));
  },
};

/** The layers with their places in the guest, and what is copied there. */
async function erofsLayers(): Promise<{ request: RootRequest; files: Record<string, string> }> {
  const source = await convertedImage({ name: 'debian', format: 'erofs' });
  const [, layout = '', tag = ''] = /^oci:(.*):([^:]*)$/.exec(source) ?? [];
  const read = (path: string) => JSON.parse(readFileSync(join(layout, path), 'utf8'));
  const blob = (digest: string) => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  const named = (entry: { annotations: Record<string, string> }) =>
    entry.annotations['org.opencontainers.image.ref.name'] === tag;
  const descriptors: RootRequest['layers'][number]['descriptor'][] = read(
    blob(read('index.json').manifests.find(named).digest),
  ).layers;
  const placeOf = (digest: string) => `${layersFolder}/${digest.slice('sha256:'.length)}`;
  return {
    request: {
      layers: descriptors.map((descriptor) => ({ descriptor, file: `/repo/${placeOf(descriptor.digest)}` })),
      plain: `/repo/${plainFolder}:1`,
    },
    files: Object.fromEntries(
      descriptors.map(({ digest }) => [placeOf(digest), join(layout, blob(digest))] as const),
    ),
  };
}

type Sides = Compared<'first' | 'tenth' | 'chown' | 'umoci'>;

async function inGuest(context: Context, more: Readonly<Record<string, string>>): Promise<Sides> {
  const line = `node setup/bench/guest/roots.ts ${context.pairs} 2>&1`;
  const { code, said } = await runInGuest(context, line, { seconds: 3000, roomInMebibytes: 3072, more });
  const runs = said.split('\n').find((one) => one.startsWith('@@roots '));
  if (code !== 0 || runs === undefined) throw new Error(`the guest ended with ${code}: ${said}`);
  return JSON.parse(runs.slice('@@roots '.length));
}

function rowsOf(start: 'first' | 'tenth', runs: Sides): Row[] {
  const row = {
    work: `root file system of a service, 300 MB, verity, in a VM: ${start} start`,
    unit: 'ms',
    ours: milliseconds(runs[start]),
    goal,
  } as const;
  return [
    { ...row, against: '`chown -R` of the mounted image', theirs: milliseconds(runs.chown) },
    { ...row, against: '`umoci unpack`', theirs: milliseconds(runs.umoci) },
  ];
}
