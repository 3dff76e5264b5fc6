import { resolve } from 'node:path';
import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { integrity } from '../cli/common.ts';
import { metadir } from './arguments.ts';

export const mount = command({
  name: 'mount',
  summary: 'Mount an image of an OCI layout',
  description:
    'Without --writeable the mount is read-only. What is written goes with the mount, unless --persist names a folder for it (persist and work below it). No signature is looked at: the layout is trusted.',
  arguments: {
    image: { kind: 'text', value: 'OCIDIR:TAG', help: 'the layout and the name of the image in it' },
    target: { kind: 'path', value: 'TARGET', help: 'the folder to mount at' },
  },
  options: {
    persist: { kind: 'path', value: 'DIR', help: 'keep what is written in this folder; implies --writeable' },
    writeable: { kind: 'flag', aliases: ['writable'], help: 'let files be written' },
    allowMissingVerity: {
      kind: 'flag',
      help: 'mount layers without verity data too, each hashed whole before the mount',
    },
    integrity,
    metadir,
  },
  examples: ['atomfs mount --writeable /srv/oci:web /mnt'],
  async run({ host, args, options, cwd }) {
    const colon = args.image.indexOf(':');
    if (colon < 1 || colon === args.image.length - 1)
      throw new MosError(
        'usage',
        `cannot use ${JSON.stringify(args.image)} as an image: the form is OCIDIR:TAG`,
      );
    const { mountImage } = await import('../../pkg/system/index.ts');
    const { writeable: isWritable, ...rest } = options;
    const [folder, name] = [resolve(cwd, args.image.slice(0, colon)), args.image.slice(colon + 1)];
    const mounted = await mountImage(host, { ...rest, isWritable, folder, name, target: args.target });
    if (mounted.isNew) return mounted;
    throw new MosError('exists', `cannot mount at ${args.target}: the image is mounted there`);
  },
  render: () => '',
});
