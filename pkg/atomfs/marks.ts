import { MosError } from '../errors/index.ts';
import { type Host, readTextIfThere, writeAtomic } from '../host/index.ts';
import { type Digest, digestHex } from '../oci/index.ts';
import type { LayerFrame } from './frame.ts';
import type { Marks } from './plan.ts';

/** How one layer marks its opaque folders: by one kind, some by this and some by that, or so that both modes see it. */
export type LayerMarks = Marks | 'mixed' | 'any';

const attributes: Readonly<Record<Marks, string>> = {
  trusted: 'trusted.overlay.opaque',
  user: 'user.overlay.opaque',
};

/** The salt of 32 zero bytes says who made a layer (FORMATS 7): mos, which marks opaque folders by both attributes. */
export const isOurs = (frame: LayerFrame): boolean =>
  frame.verity !== undefined &&
  frame.verity.salt.length === 32 &&
  frame.verity.salt.every((byte) => byte === 0);

/** Looks at the folders of a mounted layer made by others; the answer is kept until the next boot. */
export async function readMarks(
  host: Host,
  runtime: string,
  digest: Digest,
  folder: string,
): Promise<LayerMarks> {
  const path = `${runtime}/marks/${digestHex(digest)}`;
  const known = await readTextIfThere(host, path);
  if (known !== undefined) return known as LayerMarks;
  const found = new Set<Marks>();
  await look(host, folder, found);
  const marks = found.size === 2 ? 'mixed' : ([...found][0] ?? 'any');
  await host.files.makeFolder(`${runtime}/marks`, { parents: true });
  await writeAtomic(host, path, marks);
  return marks;
}

async function look(host: Host, folder: string, found: Set<Marks>): Promise<void> {
  const kinds = await Promise.all(
    (['trusted', 'user'] as const).map(async (kind) => {
      const value = await host.files.extendedAttribute(folder, attributes[kind]);
      return value !== undefined && value[0] === opaque ? [kind] : [];
    }),
  );
  // A folder with both is good in either mode, so it says nothing against one of them.
  const [only, ...more] = kinds.flat();
  if (only !== undefined && more.length === 0) found.add(only);
  for (const name of await host.files.list(folder)) {
    const path = `${folder}/${name}`;
    if ((await host.files.stat(path))?.type === 'directory') await look(host, path, found);
  }
}

/** The value of the attribute: `y`. */
const opaque = 0x79;

/** The one kind that fits all layers of an image, the bottom one aside: nothing lies below it. */
export function chooseMarks(
  layers: readonly { readonly digest: Digest; readonly marks: LayerMarks }[],
): Marks {
  const user = layers.find(({ marks }) => marks === 'user' || marks === 'mixed');
  const trusted = layers.find(({ marks }) => marks === 'trusted' || marks === 'mixed');
  if (user === undefined) return 'trusted';
  if (trusted === undefined) return 'user';
  throw new MosError(
    'unsupported',
    `cannot mount the layers ${trusted.digest} and ${user.digest} together: they mark opaque folders by different attributes (trusted.overlay, user.overlay)`,
    { hint: 'convert the image again with `mosb image convert`: layers made by mos have both' },
  );
}
