import { command } from '../cli/command.ts';
import { renderImage } from '../render/image.ts';
import { accessOf, writing } from './access.ts';

export const imageConvert = command({
  name: 'image convert',
  summary: 'Turn the tar layers of an image into verified squashfs or erofs layers',
  description:
    'SOURCE is a reference, or docker-archive:FILE[:NAME:TAG]. The same image gives the same bytes. Layers that can be mounted already stay as they are. What was converted before is remembered below $XDG_CACHE_HOME/machine/converted.',
  arguments: {
    source: { kind: 'text', value: 'SOURCE', help: 'the image' },
    dest: { kind: 'reference', value: 'DEST', help: 'the new name: oci:DIR:TAG or a registry reference' },
  },
  options: {
    format: {
      kind: 'choice',
      value: 'FORMAT',
      choices: ['squashfs', 'erofs'],
      help: 'the file system of the layers (default squashfs; erofs must be made by root)',
    },
    platform: {
      kind: 'text',
      value: 'OS/ARCH',
      help: 'which image of several, for example linux/arm64 (default: that of this machine)',
    },
    scratch: {
      kind: 'path',
      value: 'DIR',
      help: 'where layers are unpacked (default $TMPDIR, else /var/tmp)',
    },
    maxUnpacked: {
      kind: 'integer',
      value: 'BYTES',
      help: 'the most that one layer may unpack to (default 64 GiB)',
    },
    fresh: { kind: 'flag', help: 'neither use nor keep what is remembered of earlier conversions' },
    ...writing,
  },
  examples: ['mosb image convert docker://docker.io/library/nginx:latest oci:images:nginx'],
  async run({ host, args, options, report, signal, readStdin, cwd }) {
    const system = await import('../../pkg/system/index.ts');
    const { format, platform, maxUnpacked } = options;
    const place = system.placeOf(args.dest).place;
    return system.convertImage(
      host,
      {
        ...{ source: args.source, destination: args.dest, format, platform, limit: maxUnpacked, cwd },
        scratch: options.scratch ?? (await system.workingFolders(host)),
        cache: options.fresh ? undefined : system.conversionCache(host),
        access: await accessOf(options, place, signal, readStdin),
      },
      report,
    );
  },
  render: renderImage,
});
