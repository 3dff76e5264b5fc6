import { openZotRoot } from '../../layout/index.ts';
import {
  copyGraph,
  type Descriptor,
  digestHex,
  type ImageSource,
  parseReference,
  type Reference,
  type Repository,
  renderReference,
} from '../../oci/index.ts';
import { openSigner, readAnchors, verifyInstallManifest } from '../../trust/index.ts';
import { absoluteReference } from '../absolute.ts';
import { certificateOf } from '../bootkit/parts.ts';
import { evidenceTypes, fetchEvidence } from '../evidence.ts';
import { readImage } from '../images.ts';
import { placeOf, targetsRepository } from '../places.ts';
import { targetOf } from '../target-of.ts';
import type { Making } from './making.ts';
import { liveTarget, mediumFolder, onMedium } from './pinned.ts';

/** Verifies every manifest of the medium, and puts it into the zot root with all its images. */
export async function copyManifests(c: Making): Promise<void> {
  const { keyset, project, reference, more, cwd } = c.options;
  const others = more.map((text) => absoluteReference(parseReference(text), cwd));
  const { product } = await openSigner(c.host, keyset, project);
  const ca = await certificateOf(c.host, keyset, 'manifest-ca');
  for (const one of [reference, ...others]) await copyManifest(c, one, { ca, product }, one === reference);
  await c.host.files.removeTree(`${c.work}/root/${onMedium.repositories}/${targetsRepository}/.mos`);
}

/** A manifest with all its images, after it was verified as a machine of the project would. */
async function copyManifest(
  c: Making,
  reference: Reference,
  { ca, product }: { readonly ca: string; readonly product: string },
  isLive: boolean,
): Promise<void> {
  const { host, options, repositories, report, work } = c;
  const { place, repository, name } = placeOf(reference);
  const shown = renderReference(reference);
  const source = await repositories.open(place, repository);
  const { artifact, evidence } = await fetchEvidence(source, name, shown, report);
  const anchors = await readAnchors(host, { file: ca });
  const { manifest } = await verifyInstallManifest(evidence, { anchors, product, time: options.time });
  const path = repository || 'machine';
  if (isLive) {
    targetOf(manifest, liveTarget, shown);
    const { repo } = options;
    c.pin = { repository: path, name: artifact.digest, ...(repo === undefined ? {} : { repo }) };
    if (repo !== undefined) return;
  }
  const root = await openZotRoot(host, `${work}/root/${onMedium.repositories}`, { create: true });
  const images = await repositories.open(place, targetsRepository);
  const store = await root.repository(targetsRepository, { create: true });
  for (const target of manifest.targets) {
    const { root: image } = await readImage(target, images);
    await copyWhole(c, images, store, image, { tag: digestHex(image.digest), what: target.service_name });
  }
  const named = await root.repository(path, { create: true });
  await copyWhole(c, source, named, artifact, { tag: name, what: shown, referrers: evidenceTypes });
  await host.files.removeTree(`${work}/root/${onMedium.repositories}/${path}/.mos`);
  c.manifests.push(`zot:${mediumFolder}/${onMedium.repositories}:${path}:${name}`);
}

type Copy = { readonly tag: string; readonly what: string; readonly referrers?: readonly string[] };

const copyWhole = (
  { options, report }: Making,
  source: ImageSource,
  target: Repository,
  root: Descriptor,
  copy: Copy,
) =>
  copyGraph(source, target, root, {
    ...copy,
    report,
    ...(options.access.signal && { signal: options.access.signal }),
  });
