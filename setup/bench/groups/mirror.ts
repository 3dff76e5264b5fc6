import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { identify, placeOf, startDaemon, startNginx } from '../api/servers.ts';
import { imageSource } from '../images.ts';
import { inTurn, programSide } from '../pairs.ts';
import { type Group, seconds } from '../row.ts';
import { newRoot } from '../vendor.ts';

/** The image as it lies in a store. */
function fillStore(root: string, source: string): string {
  const [, folder = '', tag = ''] = /^oci:(.*):([^:]*)$/.exec(source) ?? [];
  const store = join(root, 'atomfs-cache/mos');
  mkdirSync(store, { recursive: true });
  execFileSync('skopeo', ['copy', '--quiet', `oci:${folder}:${tag}`, `oci:${store}:${tag}`]);
  return join(store, 'blobs/sha256');
}

const curl = (options: readonly string[], urls: readonly string[]) => ({
  argv: ['/usr/bin/curl', '-sSf', ...options, ...urls.flatMap((url) => ['-o', '/dev/null', url])],
});

export const mirror: Group = {
  name: 'mirror',
  async run(context) {
    const { folder, say, pairs } = context;
    const source = imageSource('large', say);
    const [root, other] = ['open', 'closed'].map((name) => newRoot(join(folder, name))) as [string, string];
    identify(other);
    const blobs = fillStore(root, source);
    fillStore(other, source);
    const names = readdirSync(blobs);
    const at = ['--mirror', '--mirror-listen', '127.0.0.1:0'];
    const open = await startDaemon(context, root, [...at, '--open']);
    const plain = await startNginx(context, folder, false, `root ${resolve(blobs)};`);
    const closed = await startDaemon(context, other, at);
    mkdirSync(join(folder, 'tls'));
    const secure = await startNginx(context, join(folder, 'tls'), true, `root ${resolve(blobs)};`);
    const { cert, key } = placeOf(secure);
    const tls = ['--insecure', '--cert', cert, '--key', key];
    const ours = (port: number) => names.map((name) => `127.0.0.1:${port}/v2/mos/blobs/sha256:${name}`);
    const theirs = (port: number) => names.map((name) => `127.0.0.1:${port}/${name}`);
    const https = (urls: readonly string[]) => urls.map((url) => `https://${url}`);
    const runs = await inTurn(pairs, {
      open: programSide(() => curl([], ours(open.port))),
      plain: programSide(() => curl([], theirs(plain.port))),
      closed: programSide(() => curl(tls, https(ours(closed.port)))),
      secure: programSide(() => curl(tls, https(theirs(secure.port)))),
    });
    const work = '920 MB of blobs from a mirror (`mosctl serve --mirror';
    return [
      {
        work: `${work} --open\`), http, by curl`,
        against: 'nginx with sendfile, the same files',
        ...{ unit: 's', ours: seconds(runs.open), theirs: seconds(runs.plain), goal: 3 },
      },
      {
        work: `${work}\`), TLS with client certificates, by curl`,
        against: 'nginx with the same certificates, the same files',
        ...{ unit: 's', ours: seconds(runs.closed), theirs: seconds(runs.secure), goal: 3 },
      },
    ];
  },
};
