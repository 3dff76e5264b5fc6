import test from 'ava';
import type { InstallManifest } from '../../pkg/manifest/index.ts';
import * as trust from '../../pkg/trust/index.ts';

test('nothing outside of the package can make a Verified', (t) => {
  const install = (_: trust.Verified<InstallManifest>): true => true;
  const plain = {} as InstallManifest;
  // @ts-expect-error a manifest that nobody verified does not compile here
  t.true(install(plain));
  t.false('markVerified' in trust);
});
