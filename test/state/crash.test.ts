import test from 'ava';
import { campaign } from './campaign.ts';

test('stopped at each mutation of an update, the state is old or new, and completes', campaign, ['old']);
