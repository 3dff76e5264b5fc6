import { startRegistry } from '../../../test/helpers/registries.ts';
import { FreshFolders } from '../folders.ts';
import { type ImageName, imageSource } from '../images.ts';
import { inTurn, programSide } from '../pairs.ts';
import { type Group, mebibytes } from '../row.ts';
import { machineProgram, newRoot, publish } from '../vendor.ts';

export const memory: Group = {
  name: 'memory',
  async run(context) {
    const { folder, say } = context;
    const { host: repository } = await startRegistry(context, { kind: 'docker' });
    const install = async (image: ImageName) => {
      const source = imageSource(image, say);
      const { manifest } = await publish({
        folder,
        repository,
        name: `machine/${image}:1`,
        release: 1,
        source,
      });
      const roots = new FreshFolders(folder, image);
      return programSide(() => machineProgram('install', roots.path, manifest), {
        prepare: async () => newRoot(await roots.next()),
        clean: () => roots.remove(),
      });
    };
    const runs = await inTurn(context.pairs, {
      huge: await install('huge'),
      system: await install('system'),
    });
    return [
      {
        work: 'peak memory of `mosctl install` of an image of 2 GB in one layer',
        against: 'the same of one of 103 MB',
        unit: 'MiB',
        ours: mebibytes(runs.huge),
        theirs: mebibytes(runs.system),
        goal: 1.2,
        limit: 128,
      },
    ];
  },
};
