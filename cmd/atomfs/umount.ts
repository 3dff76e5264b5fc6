import { command } from '../cli/command.ts';
import { metadir, mountpoint } from './arguments.ts';

export const umount = command({
  name: 'umount',
  summary: 'Unmount an image, with the layers that nothing else uses',
  arguments: { mountpoint },
  options: { metadir },
  async run({ host, args, options }) {
    const { unmountMolecule } = await import('../../pkg/atomfs/index.ts');
    return unmountMolecule(host, args.mountpoint, { runtime: options.metadir, owner: 'atomfs umount' });
  },
  render: () => '',
});
