import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { install } from '../../pkg/system/index.ts';
import { scratchFolder } from '../helpers/folders.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, builtAt, makeVendor, publishRelease } from '../helpers/vendor.ts';

test('an install leaves one generation that git and our own reading agree on', async (t) => {
  const vendor = await makeVendor(t);
  const host = await addImage(vendor, 'host', { 'etc/os-release': 'ID=host' });
  const { reference } = await publishRelease(vendor, {
    manifest: `update_type: complete\nrelease: 3\ntargets:\n  - {service_name: hostfs, source: "${host}", version: "1.0", service_type: hostfs}\n`,
  });
  const root = await scratchFolder(t);
  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  copyFileSync(vendor.ca, join(root, 'factory/secure/manifestCA.pem'));
  const result = await install(
    linuxHost,
    { root, reference: parseReference(reference), access: {}, builtAt },
    () => {},
  );
  t.is('generation' in result && result.generation, 1);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', join(root, 'config/manifest.git'), ...args], { encoding: 'utf8' });
  t.is(git('status', '--short'), '');
  t.regex(
    git('log', '-1', '--format=%B'),
    /^generation 1: hostfs added\n\nRelease: 3\nSecurity-Version: 0\n/,
  );
  t.is(git('fsck', '--full', '--strict'), '');
  t.log(Object.keys(treeOf(root)), readFileSync(join(root, 'config/manifest.git/manifest.yaml'), 'utf8'));
});
