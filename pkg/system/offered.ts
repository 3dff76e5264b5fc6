import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import type { Architecture, Release } from '../manifest/index.ts';
import { type ImageSource, readVerified } from '../oci/index.ts';
import { type ImagePlan, localFirst } from './images.ts';

/** What a release index says of a manifest. The manifest is signed by somebody else: both must say the same. */
export type Offered = Pick<Release, 'release' | 'arch'>;

const architectures: Readonly<Record<string, Architecture>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** The processor of this machine in the words of OCI; undefined where releases are for none like it. */
export const architectureOf = ({ machine }: Host): Architecture | undefined =>
  architectures[machine.architecture];

const hint = 'the vendor has to correct the index: mosb release add';

/** Else a machine would skip releases that it must not, or go on to one that was recalled. */
export function requireOfferedRelease(shown: string, release: number | undefined, offered: Offered): void {
  if (release === offered.release) return;
  const own = release === undefined ? 'has no release number' : `is release ${release}`;
  throw new MosError(
    'untrusted',
    `cannot take ${shown}: it ${own}, and the release index says ${offered.release}`,
    { hint },
  );
}

/** Of images that are run; one of data alone may be shared by all processors. */
export async function requireOfferedArch(
  images: readonly ImagePlan[],
  source: ImageSource,
  store: Layout | undefined,
  { arch }: Offered,
): Promise<void> {
  const local = localFirst(source, store);
  for (const { target, image } of images) {
    if (target.service_type === 'fs-only') continue;
    const own = architectureIn(await readVerified(image.config, local.open(image.config)));
    if (own !== undefined && own !== arch)
      throw new MosError(
        'untrusted',
        `cannot use the image of ${target.service_name}: it is for ${own}, and the release index says ${arch}`,
        { hint },
      );
  }
}

/** image-spec 1.1 config.md; undefined where it does not say. */
function architectureIn(config: Uint8Array): string | undefined {
  try {
    const { architecture } = JSON.parse(new TextDecoder().decode(config)) ?? {};
    return typeof architecture === 'string' ? architecture.slice(0, 50) : undefined;
  } catch {
    return undefined;
  }
}
