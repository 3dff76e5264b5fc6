import { resolve } from 'node:path';
import { FreshFolders } from '../folders.ts';
import { debianTar } from '../images.ts';
import { inTurn, programSide } from '../pairs.ts';
import { shell } from '../program.ts';
import { type Group, seconds } from '../row.ts';

/** The same compressor and memory as ours; the tree is put behind the file system, as in our layers. */
const byHand = `tar=$1 to=$2; mkdir "$to"
sqfstar -comp zstd -mem 512M -quiet -no-progress "$to/layer" <"$tar"
size=$(stat -c %s "$to/layer")
veritysetup format --data-blocks=$((size / 4096)) --hash-offset="$size" "$to/layer" "$to/layer" >"$to/root"
sync "$to/layer"`;

export const convert: Group = {
  name: 'convert',
  async run({ folder, pairs }) {
    const [layouts, layers] = [new FreshFolders(folder, 'ours'), new FreshFolders(folder, 'theirs')];
    const ours = (): string[] => [
      ...[resolve('build/mosb'), 'image', 'convert', '--fresh', `--scratch=${resolve(folder)}`],
      ...[`oci:${resolve('build/images/debian')}:1`, `oci:${resolve(layouts.path)}:1`],
    ];
    const around = (folders: FreshFolders) => ({
      prepare: () => folders.next(),
      clean: () => folders.remove(),
    });
    const runs = await inTurn(pairs, {
      ours: programSide(() => ({ argv: ours() }), around(layouts)),
      theirs: programSide(() => shell(byHand, debianTar(), layers.path), around(layers)),
    });
    return [
      {
        work: '`mosb image convert` of 320 MB of tar to one squashfs layer with its verity tree',
        against: '`sqfstar`, `veritysetup format`, fsync',
        unit: 's',
        ours: seconds(runs.ours),
        theirs: seconds(runs.theirs),
        goal: 1.1,
      },
    ];
  },
};
