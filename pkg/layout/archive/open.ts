import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { type Descriptor, type Digest, type ImageSource, verifiedBody } from '../../oci/index.ts';
import { type Place, readImages } from './images.ts';
import { readArchive } from './members.ts';

/** What `docker save` wrote, read like a repository. */
export interface DockerArchive extends ImageSource {
  /** With their names, `repository:tag`. */
  readonly images: readonly { readonly descriptor: Descriptor; readonly names: readonly string[] }[];
}

/** Opens a tar file of `docker save`, `podman save`, `skopeo copy … docker-archive:` or `crane pull`. */
export async function openDockerArchive(host: Host, path: string): Promise<DockerArchive> {
  const images = await readImages(await readArchive(host, path));
  const places = new Map<Digest, Place>(images.flatMap((image) => [...image.places]));
  const bytesFrom = async function* (
    { digest }: Descriptor,
    start: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const place = places.get(digest);
    if (place === undefined) throw new MosError('not-found', `cannot find ${digest} in ${path}`);
    if ('bytes' in place) return yield place.bytes.subarray(start);
    const { offset, size } = place;
    for await (const chunk of host.files.stream(path, { start: offset + start, end: offset + size })) {
      signal?.throwIfAborted();
      yield chunk;
    }
  };
  return {
    name: path,
    images: images.map(({ descriptor, names }) => ({ descriptor, names })),
    has: async ({ digest }) => places.has(digest),
    open: (descriptor, { signal } = {}) => verifiedBody(descriptor, bytesFrom(descriptor, 0, signal)),
    openRest: (descriptor, start, { signal } = {}) => bytesFrom(descriptor, start, signal),
    resolve: async (name) => findImage(path, images, name),
    referrers: async () => [],
  };
}

/** Some write the whole name of an image of Docker's own registry, docker the short one. */
const shortName = (name: string): string => name.replace(/^docker\.io\/(library\/)?/, '');

/** By `repository:tag`, by the tag alone where it is the only one, by digest; an empty name is the only image. */
function findImage(path: string, images: DockerArchive['images'], name: string): Descriptor {
  const isTagged = ({ names }: { names: readonly string[] }) =>
    names.some((text) => text === name || text.endsWith(`:${name}`));
  const exact = images.filter(
    ({ names, descriptor }) => names.map(shortName).includes(shortName(name)) || descriptor.digest === name,
  );
  const found = exact.length > 0 ? exact : name === '' ? images : images.filter(isTagged);
  const [first] = found;
  if (first !== undefined && found.every(({ descriptor }) => descriptor.digest === first.descriptor.digest))
    return first.descriptor;
  const names = images.flatMap((image) => image.names).join(', ');
  const why = found.length === 0 ? 'no image there has that name' : `${found.length} images fit`;
  throw new MosError('not-found', `cannot find ${JSON.stringify(name)} in ${path}: ${why}`, {
    hint: `names there: ${names || 'none'}`,
  });
}
