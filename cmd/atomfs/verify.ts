import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { metadir, mountpoint } from './arguments.ts';

export const verify = command({
  name: 'verify',
  summary: 'Tell of each layer of a mounted image whether damage was found in it',
  description:
    'dm-verity tells of damage in the blocks that were read so far; layers without it are hashed again.',
  arguments: { mountpoint },
  options: { metadir },
  async run({ host, args, options }) {
    const { verifyMolecule } = await import('../../pkg/atomfs/index.ts');
    return verifyMolecule(host, args.mountpoint, { runtime: options.metadir });
  },
  render: (layers) =>
    layers
      .map(
        ({ device, file, problem }) =>
          `${device ?? file}: ${problem === undefined ? 'OK' : `CORRUPTION FOUND (${problem})`}`,
      )
      .join('\n'),
  failure: (layers) => {
    const bad = layers.filter(({ state }) => state !== 'ok');
    return bad.length === 0
      ? undefined
      : new MosError(
          'corrupt',
          `cannot trust the mounted image: ${bad.length} of ${layers.length} layers are damaged`,
        );
  },
});
