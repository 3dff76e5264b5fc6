import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { startRegistry } from '../../../test/helpers/registries.ts';
import { FreshFolders } from '../folders.ts';
import { imageSource } from '../images.ts';
import { inTurn, programSide, type Side } from '../pairs.ts';
import { shell } from '../program.ts';
import { type Context, type Group, milliseconds, type Row, seconds } from '../row.ts';
import { machineProgram, newRoot, type Published, publish } from '../vendor.ts';

const crane = resolve('build/tools/crane');

/** `sync FILE…` is fsync of each. */
const pullAndSync =
  'crane=$1 from=$2 to=$3; "$crane" pull --insecure --format=oci "$from" "$to"; find "$to" -exec sync {} +';

function installSide({ folder }: Context, name: string, { manifest }: Published): Side {
  const roots = new FreshFolders(folder, name);
  return programSide(() => machineProgram('install', roots.path, manifest), {
    prepare: async () => newRoot(await roots.next()),
    clean: () => roots.remove(),
  });
}

function pullSide({ folder }: Context, name: string, { image }: Published): Side {
  const layouts = new FreshFolders(folder, name);
  return programSide(() => shell(pullAndSync, crane, image, layouts.path), {
    prepare: () => layouts.next(),
    clean: () => layouts.remove(),
  });
}

/** Layers that can be mounted already stay as they are: they are fetched and hashed, their trees are not looked at. */
function copySide({ folder }: Context, name: string, { image }: Published): Side {
  const layouts = new FreshFolders(folder, name);
  const convert = [resolve('build/mosb'), 'image', 'convert', '--fresh', '--plain-http', image];
  return programSide(() => ({ argv: [...convert, `oci:${resolve(layouts.path)}:1`] }), {
    prepare: () => layouts.next(),
    clean: () => layouts.remove(),
  });
}

async function start(context: Context) {
  const { folder, say } = context;
  const { host: repository } = await startRegistry(context, { kind: 'docker' });
  return (name: 'system' | 'large' | 'large-next' | 'huge', release: number) =>
    publish({ folder, repository, name: `machine/${name}:1`, release, source: imageSource(name, say) });
}

export const fetch: Group = {
  name: 'fetch',
  async run(context) {
    const published = await start(context);
    const system = await published('system', 1);
    const runs = await inTurn(context.pairs, {
      ours: installSide(context, 'ours', system),
      theirs: pullSide(context, 'theirs', system),
      copy: copySide(context, 'copy', system),
    });
    return [
      {
        work: '`mosctl install` of one image of 103 MB: fetched, verified, in the store, fsync',
        against: '`crane pull --format=oci`, then fsync',
        unit: 'ms',
        ours: milliseconds(runs.ours),
        theirs: milliseconds(runs.theirs),
        goal: 1,
      },
      {
        work: 'its fetching alone: `mosb image convert` of the mountable image to a layout: hashed, tree compared, fsync',
        against: '`crane pull --format=oci`, then fsync',
        unit: 'ms',
        ours: milliseconds(runs.copy),
        theirs: milliseconds(runs.theirs),
      },
    ];
  },
};

export const update: Group = {
  name: 'update',
  async run(context): Promise<Row[]> {
    const published = await start(context);
    const before = await published('large', 1);
    const after = await published('large-next', 2);
    // One machine a round: installed, updated to the same, updated to the next. Links or copies would not do: a blob
    // whose inode has changed is hashed again.
    const roots = new FreshFolders(context.folder, 'root');
    const settled = async () => execFileSync('sync', ['-f', roots.path]);
    const runs = await inTurn(context.pairs, {
      install: programSide(() => machineProgram('install', roots.path, before.manifest), {
        prepare: async () => newRoot(await roots.next()),
      }),
      same: programSide(() => machineProgram('update', roots.path, before.manifest), { prepare: settled }),
      next: programSide(() => machineProgram('update', roots.path, after.manifest), {
        prepare: settled,
        clean: () => roots.remove(),
      }),
      pull: pullSide(context, 'pull', before),
    });
    const whole = seconds(runs.install);
    const nothing = { against: '`mosctl install` of it from nothing', unit: 's', theirs: whole } as const;
    return [
      {
        ...nothing,
        work: '`mosctl update` to 920 MB in 10 layers, 9 of them there',
        ours: seconds(runs.next),
        goal: 0.15,
      },
      {
        ...nothing,
        work: '`mosctl update` of the 920 MB machine when nothing changed',
        ours: seconds(runs.same),
        goal: 0.1,
      },
      {
        work: '`mosctl install` of 920 MB in 10 layers from nothing',
        against: '`crane pull --format=oci`, then fsync',
        unit: 's',
        ours: whole,
        theirs: seconds(runs.pull),
      },
    ];
  },
};
