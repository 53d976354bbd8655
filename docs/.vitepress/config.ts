export { siteConfig as default } from '../../packages/docs-site/src/site/site-config.ts'
