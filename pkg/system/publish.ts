import { MosError } from '../errors/index.ts';
import { type Host, readText } from '../host/index.ts';
import {
  type Change,
  type ImportFile,
  type ImportTarget,
  type InstallManifest,
  type Product,
  parseImportFile,
  renderInstallManifest,
  toInstallManifest,
} from '../manifest/index.ts';
import type { Digest, Repository } from '../oci/index.ts';
import { type Report, runSteps, type Step } from '../steps/index.ts';
import type { AcceptanceTime, Signer } from '../trust/index.ts';
import {
  openRepositories,
  type Place,
  type RegistryAccess,
  type Repositories,
  renderPlace,
  targetsRepository,
} from './places.ts';
import { type PublishedName, readPublished, signAndPut } from './publish-name.ts';
import { type PublishedTarget, publishTarget } from './publish-target.ts';

export type PublishOptions = {
  /** The import file. */
  readonly file: string;
  readonly keyset: string;
  readonly project: string;
  /** Folder of keysets; default the person's own. */
  readonly keys?: string | undefined;
  readonly place: Place;
  /** `path` and `tag` of the install manifest. */
  readonly repository: string;
  readonly tag: string;
  /** Leaves the target bootkit out. */
  readonly skipBootkit?: boolean;
  /** Nothing is sent; plain tar layers are converted all the same, because the digests follow from it. */
  readonly dryRun?: boolean;
  /** RFC 3339, from SOURCE_DATE_EPOCH; left out of the artifacts unless given. */
  readonly created?: string | undefined;
  /** `linux/arm64`; undefined: this machine's. */
  readonly platform?: string | undefined;
  /** File system of converted layers. */
  readonly format?: 'squashfs' | 'erofs' | undefined;
  /** Where folders of sources are looked for. */
  readonly cwd: string;
  /** A folder for conversions; emptied at the end. */
  readonly scratch: string;
  /** A folder that remembers conversions; without it each is done again. */
  readonly cache?: string | undefined;
  readonly access: RegistryAccess;
  readonly time: AcceptanceTime;
};

export type PublishResult = {
  /** What machines are given: `host:port/path:tag`. */
  readonly reference: string;
  readonly dryRun: boolean;
  readonly product: string;
  readonly release: number | null;
  /** Digest of the artifact, and SHA-256 of the signed bytes. */
  readonly digest: Digest;
  readonly sha: string;
  readonly targets: readonly PublishedTarget[];
  /** Bytes that were sent (would be sent), documents left aside. */
  readonly sentBytes: number;
  /** False where all of it was there already. */
  readonly changed: boolean;
  /** Against what the name said before; null where there was nothing (that this keyset signed). */
  readonly changes: readonly Change[] | null;
};

type Publishing = {
  readonly host: Host;
  readonly options: PublishOptions;
  readonly report: Report;
  readonly repositories: Repositories;
  file?: ImportFile;
  signer?: Signer;
  targets: PublishedTarget[];
  manifest?: InstallManifest;
  published?: PublishedName;
  result?: PublishResult;
};

/** Resolves, converts, copies, signs, and names it last: a machine never sees a manifest whose images aren't there. */
const publishSteps: readonly Step<Publishing>[] = [
  { name: 'read the import file and the key', run: readInput },
  { name: 'copy the images', run: copyImages },
  { name: 'look at what is published', run: lookAtPublished },
  { name: 'sign and name the manifest', run: nameIt },
];

export async function publish(host: Host, options: PublishOptions, report: Report): Promise<PublishResult> {
  await using repositories = openRepositories(host, options.access);
  const context: Publishing = { host, options, report, repositories, targets: [] };
  await runSteps(context, publishSteps, report);
  return done(context.result);
}

async function readInput(c: Publishing): Promise<void> {
  const { openSigner } = await import('../trust/index.ts');
  const { keyset, project, keys, place, repository } = c.options;
  if (place.kind === 'zot') (await import('../layout/index.ts')).requireRepositoryName(repository);
  const signer = await openSigner(c.host, keyset, project, { folder: keys });
  const read = await parseImportFile(await readText(c.host, c.options.file), c.options.file);
  const targets = read.targets.filter(
    (target) => !(c.options.skipBootkit && target.service_name === 'bootkit'),
  );
  c.signer = signer;
  c.file = { ...read, targets, product: productOf(read, signer, c.options) };
  await warnUncountable(c, read.security_version);
}

async function warnUncountable({ report }: Publishing, version: number): Promise<void> {
  const { mostSteps } = await import('./tpm/floor.ts');
  if (version <= mostSteps) return;
  const takes = `takes at most ${mostSteps} more than its floor, a new one at most ${mostSteps}`;
  report({ kind: 'note', text: `warning: security_version ${version}: a machine with a TPM ${takes}` });
}

/** People name the project; machines know the product by its uuid, which the certificate certifies. */
function productOf(file: ImportFile, signer: Signer, { keyset, project }: PublishOptions): Product {
  if (file.product !== signer.product && file.product !== project)
    throw new MosError(
      'untrusted',
      `cannot publish for the product ${file.product}: ${keyset}:${project} signs for ${signer.product}`,
      { hint: `write product: ${project} into the import file, or give the project of that product` },
    );
  return signer.product as Product;
}

async function copyImages(c: Publishing): Promise<void> {
  const { host, options, report, repositories } = c;
  const store = await openForWriting(c, targetsRepository);
  for (const target of done(c.file).targets)
    c.targets.push(await publishTarget(host, target, store, repositories, options, report));
  const images = new Map(c.targets.map(({ name, digest, size }) => [name, { digest, size }] as const));
  const file = done(c.file);
  c.manifest = toInstallManifest({ ...file, targets: file.targets.map(withoutImage) }, images);
}

/** Digest and size in an import file are those of the source, which were compared; a conversion changes them. */
const withoutImage = ({ digest: _, size: __, ...target }: ImportTarget): ImportTarget => target;

/** undefined where a dry run finds no repository. */
async function openForWriting(c: Publishing, repository: string): Promise<Repository | undefined> {
  const { repositories, options } = c;
  try {
    return await repositories.open(options.place, repository, { create: !options.dryRun });
  } catch (error) {
    if (options.dryRun && error instanceof MosError && error.code === 'not-found') return undefined;
    throw error;
  }
}

async function lookAtPublished(c: Publishing): Promise<void> {
  const repository = await openForWriting(c, c.options.repository);
  const manifest = done(c.manifest);
  c.published = await readPublished(c.host, repository, manifest, c.options, c.report);
}

async function nameIt(c: Publishing): Promise<void> {
  const { options } = c;
  const manifest = done(c.manifest);
  const bytes = renderInstallManifest(manifest);
  const signed = await signAndPut(bytes, done(c.signer), done(c.published), options, c.report);
  const sentBytes = c.targets.reduce((sum, target) => sum + target.sentBytes, 0);
  c.result = {
    reference: `${renderPlace(options.place)}${options.place.kind === 'zot' ? ':' : '/'}${options.repository}:${options.tag}`,
    dryRun: options.dryRun ?? false,
    product: manifest.product,
    release: manifest.release ?? null,
    digest: signed.artifact.digest,
    sha: signed.sha,
    targets: c.targets,
    sentBytes,
    changed: signed.changed || c.targets.some((target) => target.changed),
    changes: done(c.published).changes,
  };
}

/** A value that an earlier step leaves. */
function done<T>(value: T | undefined): T {
  if (value === undefined) throw new MosError('internal', 'cannot go on: a step before left nothing');
  return value;
}
