// Puts and tags COUNT images PREFIX-0, PREFIX-1, … into the layout FOLDER: one of several writers.
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openLayout } from '../../../pkg/layout/index.ts';
import { makeImage, makeReferrer, putImage } from '../images.ts';

const [folder = '', prefix = '', count = ''] = process.argv.slice(2);
const layout = await openLayout(linuxHost, folder, { create: true, owner: `writer ${prefix}` });
for (let i = 0; i < Number(count); i++) {
  await using _session = await layout.session();
  // The first layer is the same in all writers.
  const image = makeImage(['shared', `${prefix}-${i}`]);
  await putImage(layout, image, `${prefix}-${i}`);
  await putImage(layout, makeReferrer(image.root, 'a/signature', `${prefix}-${i}`));
}
