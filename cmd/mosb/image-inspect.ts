import { command } from '../cli/command.ts';
import { reading } from '../cli/common.ts';
import { renderImage } from '../render/image.ts';

export const imageInspect = command({
  name: 'image inspect',
  summary: 'Show the layers of an image and what it runs',
  arguments: { ref: { kind: 'reference', value: 'REF', help: 'the image' } },
  options: reading,
  examples: ['mosb image inspect oci:images:web'],
  async run({ host, args, options, signal }) {
    const { inspectImage } = await import('../../pkg/system/index.ts');
    return inspectImage(host, args.ref, { ...options, signal });
  },
  render: renderImage,
});
