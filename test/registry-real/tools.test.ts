import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { digestOf, media, parseImageManifest, readVerified } from '../../pkg/oci/index.ts';
import { openRegistry } from '../../pkg/registry/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { makeImage, makeReferrer, putImage } from '../helpers/images.ts';
import { quickHost } from '../helpers/quick-host.ts';
import { startRegistry } from '../helpers/registries.ts';

const run = promisify(execFile);
const type = 'application/vnd.machine.signature';

async function start(t: ExecutionContext, kind: 'docker' | 'referrers') {
  const registry = await startRegistry(t, { kind });
  const home = await scratchFolder(t, 'tools');
  const env = { HOME: home, DOCKER_CONFIG: home, PATH: '/usr/bin:/bin' };
  const tool = async (program: string, ...args: string[]): Promise<string> =>
    (await run(program, args, { env, maxBuffer: 1 << 26 })).stdout;
  const repository = await openRegistry(quickHost(), { registry: registry.host, repository: 'a' });
  const regctl = (...args: string[]) =>
    tool('build/tools/regctl', '--host', `reg=${registry.host},tls=disabled`, ...args);
  return {
    registry,
    home,
    repository,
    crane: (...args: string[]) => tool('build/tools/crane', ...args),
    skopeo: (...args: string[]) => tool('skopeo', ...args),
    regctl,
  };
}

const sortedLines = (text: string): string[] => text.trim().split('\n').sort();

for (const kind of ['docker', 'referrers'] as const) {
  test(`crane, skopeo and regctl read what we put into ${kind}`, async (t) => {
    const { registry, home, repository, crane, skopeo, regctl } = await start(t, kind);
    const layer = randomBytes(1_000_000);
    const image = makeImage([layer, 'second']);
    const signature = makeReferrer(image.root, type, 'a signature');
    await putImage(repository, image, '1');
    await putImage(repository, signature);
    const at = `${registry.host}/a:1`;
    t.is((await crane('digest', at)).trim(), image.root.digest);
    t.is(await crane('manifest', at), Buffer.from(image.manifest.bytes).toString());
    await crane('validate', '--fast', '--remote', at);
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${at}`);
    t.is(raw, Buffer.from(image.manifest.bytes).toString());
    await skopeo('copy', '--src-tls-verify=false', `docker://${at}`, `oci:${home}/copy:1`);
    await regctl('image', 'copy', at, `ocidir://${home}/second:1`);
    const referrers = await regctl(
      'artifact',
      'list',
      at,
      '--format',
      '{{range .Descriptors}}{{.Digest}} {{.ArtifactType}}{{"\\n"}}{{end}}',
    );
    const shownType = kind === 'docker' ? type : media.empty;
    t.deepEqual(sortedLines(referrers), [`${signature.root.digest} ${shownType}`]);
  });

  test(`we read what crane, skopeo and regctl put into ${kind}`, async (t) => {
    const { registry, home, repository, crane, skopeo, regctl } = await start(t, kind);
    await writeFile(join(home, 'file'), randomBytes(300_000));
    await run('tar', ['-cf', join(home, 'layer.tar'), '-C', home, 'file']);
    await crane('append', '-f', join(home, 'layer.tar'), '-t', `${registry.host}/a:crane`);
    const docker = await repository.resolve('crane');
    t.is(docker.mediaType, media.dockerManifest);
    t.is(docker.digest as string, (await crane('digest', `${registry.host}/a:crane`)).trim());
    const source = `docker://${registry.host}/a:crane`;
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await skopeo('copy', ...flags, '--format', 'oci', source, `docker://${registry.host}/a:skopeo`);
    const root = await repository.resolve('skopeo');
    t.is(root.mediaType, media.manifest);
    const manifest = parseImageManifest(await readVerified(root, repository.open(root)), 'the image');
    for (const { digest, size, mediaType } of [manifest.config, ...manifest.layers]) {
      const bytes = await readVerified(
        { digest, size, mediaType },
        repository.open({ digest, size, mediaType }),
      );
      t.is(digestOf(bytes), digest);
    }
    await writeFile(join(home, 'signature'), 'signed by a tool');
    const put = ['artifact', 'put', '--subject', `${registry.host}/a:skopeo`, '--artifact-type', type];
    await regctl(...put, '--file', join(home, 'signature'));
    const [found, ...more] = await repository.referrers(root, type);
    t.deepEqual(more, []);
    if (found === undefined) throw new Error('the referrer is not found');
    const artifact = parseImageManifest(await readVerified(found, repository.open(found)), 'the artifact');
    const [layer] = artifact.layers;
    if (layer === undefined) throw new Error('it has no layer');
    t.is(Buffer.from(await readVerified(layer, repository.open(layer))).toString(), 'signed by a tool');
  });

  test(`our entry in the fall-back tag of ${kind} stands beside that of regctl`, async (t) => {
    const { registry, home, repository, regctl } = await start(t, kind);
    const image = makeImage(['layer']);
    await putImage(repository, image, '1');
    await writeFile(join(home, 'signature'), 'by regctl');
    const put = ['artifact', 'put', '--subject', `${registry.host}/a:1`, '--artifact-type', type];
    await regctl(...put, '--file', join(home, 'signature'));
    await putImage(repository, makeReferrer(image.root, type, 'ours'));
    t.is((await repository.referrers(image.root, type)).length, 2);
    const listed = await regctl(
      'artifact',
      'list',
      `${registry.host}/a:1`,
      '--format',
      '{{range .Descriptors}}{{.Digest}}{{"\\n"}}{{end}}',
    );
    t.is(sortedLines(listed).length, 2);
  });
}
