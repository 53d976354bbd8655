export { type FixtureName, fixtureNames } from './fixture-names.ts'
export { type FixturePrompt, loadFixture, type OptFixture } from './load-fixture.ts'
export { shareOfBound } from './share-of-bound.ts'
