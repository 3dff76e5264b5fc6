import { join, resolve } from 'node:path';
import { startRegistry } from '../../../test/helpers/registries.ts';
import { imageSource } from '../images.ts';
import { inTurn, programSide } from '../pairs.ts';
import { measured } from '../program.ts';
import { type Group, milliseconds } from '../row.ts';
import { machineProgram, newRoot, publish } from '../vendor.ts';

/** Short runs are noisy, and cheap to repeat. */
const more = 5;

const mosctl = resolve('build/mosctl');
const crane = { argv: [resolve('build/tools/crane'), 'version'] };

export const start: Group = {
  name: 'start',
  async run(context) {
    const { folder, say } = context;
    const { host: repository } = await startRegistry(context, { kind: 'docker' });
    const source = imageSource('system', say);
    const { manifest } = await publish({ folder, repository, name: 'machine/small:1', release: 1, source });
    const root = newRoot(join(folder, 'root'));
    await measured(machineProgram('install', root, manifest));
    const runs = await inTurn(context.pairs * more, {
      version: programSide(() => ({ argv: [mosctl, '--version'] })),
      theirs: programSide(() => crane),
      status: programSide(() => ({ argv: [mosctl, 'status', '-r', root] })),
    });
    const theirs = milliseconds(runs.theirs);
    const against = '`crane version`';
    return [
      {
        work: '`mosctl --version`',
        against,
        unit: 'ms',
        ours: milliseconds(runs.version),
        theirs,
        goal: 1.6,
      },
      {
        work: '`mosctl status` on an installed root',
        against,
        unit: 'ms',
        ours: milliseconds(runs.status),
        theirs,
        goal: 6,
      },
    ];
  },
};
