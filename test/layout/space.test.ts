import { join } from 'node:path';
import test from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import { copyGraph } from '../../pkg/oci/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, putImage } from '../helpers/images.ts';

test('a copy that would not fit is refused with the numbers before its first byte', async (t) => {
  const folder = await scratchFolder(t);
  const image = makeImage([Buffer.alloc(1_000_000), 'two']);
  const source = await openLayout(linuxHost, join(folder, 'source'), { create: true });
  await putImage(source, image, 'v1');
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      space: async () => ({ free: 1_500_000, total: 9_000_000, freeInodes: 9, block: 4096 }),
    },
  };
  const target = await openLayout(host, join(folder, 'target'), { create: true });
  const bytes = image.root.size + image.config.descriptor.size + 1_000_003;
  const needed = bytes + 4 * 8192 + 1024 * 1024;
  await t.throwsAsync(copyGraph(source, target, image.root), {
    code: 'no-space',
    message: `cannot copy into ${target.folder}: ${needed} bytes are needed, 1500000 are free`,
  });
  t.deepEqual((await target.verify()).blobs, 0);
  await putImage(target, image);
  await copyGraph(source, target, image.root, { tag: 'v1' });
  t.deepEqual(await target.tags(), ['v1'], 'what is there already needs no room');
});
