import { command } from '../cli/command.ts';
import { root } from '../cli/common.ts';

export const umount = command({
  name: 'umount',
  summary: 'Unmount a target, with the layers that nothing else uses',
  arguments: {
    what: {
      kind: 'text',
      value: 'TARGET|DEST',
      optional: true,
      help: 'the name of a target, or where it is',
    },
  },
  options: { all: { kind: 'flag', help: 'everything that mosctl mounted below this root' }, root },
  async run({ host, args, options, cwd }) {
    const use = await import('../../pkg/system/index.ts');
    return use.umount(host, { ...options, what: args.what, cwd });
  },
  render: ({ unmounted, freed }) =>
    unmounted.length === 0
      ? 'nothing is mounted'
      : `unmounted ${unmounted.join(', ')}; ${freed.length} ${freed.length === 1 ? 'layer is' : 'layers are'} free`,
});
